import { z } from 'zod'
import { isHomelabError } from '../../errors.ts'
import type { Lab } from '../../inventory/types.ts'
import { type MonitoringFiles, monitoringFiles, type Seen } from '../../monitoring/files/index.ts'
import type { Card } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Proxmox } from '../../proxmox/types.ts'

const parts = ['all', 'prometheus', 'targets', 'rules', 'blackbox', 'alertmanager'] as const
type Part = (typeof parts)[number]

const partOf = (path: string): Part =>
  path === 'homelab-rules.yml' ? 'rules' : (parts.find((part) => path === `${part}.yml`) ?? 'targets')

export const monitoringRules = defineOperation({
  id: 'monitoring.rules',
  chat: 'monitoring rules',
  title: 'Files for Prometheus and Alertmanager',
  description:
    'Made of homelab.yaml and of what Proxmox shows: what is scraped, alert rules for every service, node, storage and backup, and a receiver that tells homelab. No secret is in them. In a terminal `--save <folder>` writes them.',
  risk: 'read',
  permission: 'admin',
  // Once, and after a change of the file; n8n has nowhere to put them.
  rare: true,
  surfaces: ['chat', 'cli', 'api'],
  private: true,
  input: z.object({ file: z.enum(parts).default('all').describe('Which of them') }),
  output: z.object({
    files: z.array(
      z.object({
        /** A name without folders: all of them belong into one. */
        path: z.string(),
        text: z.string(),
      }),
    ),
    /** What is missing, or must be done by hand. */
    notes: z.array(z.string()),
  }),
  positional: ['file'],
  examples: ['monitoring rules', 'monitoring rules alertmanager'],
  needs: ['lab', 'proxmox'],
  run: async ({ file }, { lab, proxmox }, { signal }) => {
    const { files, notes }: MonitoringFiles = monitoringFiles(lab.inventory, await seen(lab, proxmox, signal))
    return {
      files: files
        .filter(({ path }) => file === 'all' || partOf(path) === file)
        .map(({ path, text }) => ({ path, text })),
      notes: [...notes],
    }
  },
  card: ({ files, notes }, { file }): Card => ({
    title:
      file === 'all' ? 'Prometheus and Alertmanager for this lab' : files.map(({ path }) => path).join(', '),
    tone: 'neutral',
    text: 'For /etc/prometheus, all in one folder. docs/monitoring.md has the commands that check them and put them there.',
    sections: [
      { kind: 'list', title: 'Mind', items: notes },
      // One is looked at, several are kept.
      ...(files.length > 2
        ? []
        : files.map(({ path, text }) => ({
            kind: 'code' as const,
            title: path,
            text,
            keep: 'start' as const,
          }))),
    ],
    attachments: files.map(({ path, text }) => ({ name: path, type: 'application/yaml', text })),
  }),
})

/** What cannot be asked is left out, and the file alone counts: these files are also wanted before all of it works. */
async function seen(
  lab: Pick<Lab, 'inventory' | 'overview'>,
  proxmox: Pick<Proxmox, 'guestAddresses'>,
  signal: AbortSignal,
): Promise<Seen> {
  const overview = await orNothing(lab.overview({ signal }), signal)
  const wanted = new Set(
    [...lab.inventory.services, { guest: lab.inventory.bot.guest, address: undefined }]
      .filter(({ address }) => address === undefined)
      .map(({ guest }) => String(guest).toLowerCase()),
  )
  const guests = (overview?.guests ?? []).filter(
    ({ vmid, name, template, status }) =>
      !template && status === 'running' && (wanted.has(String(vmid)) || wanted.has(name.toLowerCase())),
  )
  const found = await Promise.all(
    guests.map(async (guest): Promise<readonly [number, string] | undefined> => {
      const all = (await orNothing(proxmox.guestAddresses(guest, signal), signal)) ?? []
      const address =
        all.find((each) => !each.startsWith('127.') && !each.includes(':')) ??
        all.find((each) => !/^(::1|fe80)/i.test(each))
      return address === undefined ? undefined : [guest.vmid, address]
    }),
  )
  return {
    ...(overview === undefined ? {} : { overview }),
    addresses: new Map(found.filter((each) => each !== undefined)),
  }
}

async function orNothing<T>(asked: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return undefined
  }
}
