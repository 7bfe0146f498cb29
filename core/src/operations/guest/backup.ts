import { z } from 'zod'
import { archivesOf } from '../../backup/archives.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan } from '../../operation/types.ts'
import { bytes, duration, guestPlace } from '../../operation/view.ts'
import type { BackupRequest } from '../../proxmox/backup-types.ts'
import { configLines, mountsOf } from '../../proxmox/guest-config.ts'
import { tryParseUpid } from '../../proxmox/upid.ts'
import { guestInput } from './inputs.ts'
import { one } from './one.ts'
import { storageFor } from './places.ts'

const days = 86_400_000

const input = z.object({
  guest: guestInput,
  storage: z
    .string()
    .optional()
    .describe('Where the archive goes; default: the only storage that takes one')
    .meta({ suggest: 'storages' }),
  mode: z
    .enum(['snapshot', 'suspend', 'stop'])
    .default('snapshot')
    .describe('While it runs, suspended, or stopped meanwhile'),
  compress: z
    .enum(['zstd', 'gzip', 'lzo', '0'])
    .default('zstd')
    .describe('How it is compressed; 0: not at all'),
  notes: z.string().max(1_000).optional().describe('Notes on the archive; default: its name'),
  protected: z.boolean().default(false).describe('Nobody deletes it before that is taken off'),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'proxmox', 'clock']>

export const guestBackup = defineOperation({
  id: 'guest.backup',
  chat: 'guest backup',
  title: 'Back up one guest by Proxmox',
  description:
    'An archive by vzdump, without a plan. It is there when the storage has it with a configuration that can be read. Older ones stay.',
  risk: 'change',
  permission: 'operator',
  rare: true,
  deadlineMs: 2 * days,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    node: z.string(),
    archive: z.string(),
    storage: z.string(),
    bytes: z.number(),
    protected: z.boolean(),
    /** Mount points and disks that are not in it. */
    excluded: z.array(z.object({ key: z.string(), target: z.string(), why: z.string() })),
    ms: z.number(),
    upid: z.string(),
  }),
  positional: ['guest'],
  examples: ['guest backup vaultwarden', 'guest backup immich storage:local mode:stop protected:true'],
  needs: ['lab', 'proxmox', 'clock'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, storage, left } = await find(wanted, services, signal)
    const { name, guest } = target
    return {
      summary: `Back up ${name} (${guestPlace(guest)}) to ${storage}`,
      steps: [
        wanted.mode === 'stop' && guest.status === 'running'
          ? `${name} is stopped, saved, and started again`
          : `vzdump saves ${name} (${wanted.mode})`,
      ],
      affects:
        wanted.mode === 'snapshot' || guest.status !== 'running'
          ? []
          : target.dependents.map((each) => ({ name: each, why: `needs ${name}` })),
      warnings: left.map((mount) => `${mount} is not in it.`),
      locks: [`guest/${guest.vmid}`],
      state: { vmid: guest.vmid, node: guest.node, storage },
      ...(wanted.mode === 'stop' ? lockoutOf(services.lab.lockout([target])) : {}),
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, clock } = services
    const began = clock.monotonic()
    const { guest, storage } = await verbs.step('find', async () => {
      const { target, storage: where } = await find(wanted, services, verbs.signal)
      const { vmid, type, node, name } = target.guest
      return { guest: { vmid, type, node, name }, storage: where }
    })
    const request: BackupRequest = {
      node: guest.node,
      vmids: [guest.vmid],
      storage,
      mode: wanted.mode,
      compress: wanted.compress,
      notes: wanted.notes ?? '{{guestname}}',
      prune: 'none',
      ...(wanted.protected ? { protected: true } : {}),
    }
    verbs.report({ text: `saving ${guest.name}` })
    let here = false
    const upid = await verbs.change<string>(`vzdump ${guest.vmid}`, {
      act: () => {
        here = true
        return proxmox.backups.start(request)
      },
      find: ({ since, claimed }) => proxmox.backups.findStart(request, since, claimed),
    })
    verbs.log(`vzdump of ${guest.vmid}: ${upid}`)
    await verbs.follow<Json>('task', async (signal) => {
      const report = (progress: Parameters<typeof verbs.report>[0]) => verbs.report(progress)
      const options = { signal, report, mayHaveEnded: !here, stopOnAbort: true }
      return (await proxmox.backups.wait(upid, options)) as unknown as Json
    })
    const [found] = await archivesOf(proxmox, request, upid, verbs.signal)
    if (found === undefined) throw new HomelabError('bug', `No archive of ${guest.name}, and no error.`)
    return {
      ...guest,
      // It may have moved since it was found.
      node: tryParseUpid(upid)?.node ?? guest.node,
      archive: found.archive.volid,
      storage,
      bytes: found.archive.size,
      protected: found.archive.protected,
      excluded: found.log.excluded.map((each) => ({ ...each })),
      ms: Math.round(clock.monotonic() - began),
      upid,
    }
  },
  card: ({ name, vmid, type, node, archive, storage, bytes: size, excluded, ms }) => ({
    title: `${name} is saved`,
    tone: excluded.length > 0 ? 'warning' : 'ok',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Archive', value: archive.split('/').at(-1) ?? archive },
          { name: 'On', value: storage },
          { name: 'Size', value: bytes(size) },
          { name: 'Took', value: duration(ms) },
        ],
      },
      ...(excluded.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              title: 'Not in it',
              items: excluded.map(
                ({ key, target, why }) => `${key}${target === '' ? '' : ` (${target})`}: ${why}`,
              ),
            },
          ]),
    ],
    footer: guestPlace({ vmid, type, node }),
  }),
})

const lockoutOf = (reasons: readonly string[]) => (reasons.length === 0 ? {} : { lockout: reasons })

async function find(wanted: Input, { lab, proxmox }: Services, signal: AbortSignal) {
  const target = await one(lab, wanted.guest, signal)
  const { guest } = target
  const overview = await lab.overview({ signal })
  const ours = lab.inventory.repositories.flatMap(({ storage }) => storage ?? [])
  const storage = storageFor(overview, guest.node, 'backup', wanted.storage, ours)
  const mounts = mountsOf(guest.type, configLines(await proxmox.guestConfig(guest, signal)))
  const left = mounts
    .filter(({ inArchive }) => !inArchive)
    .map(({ key, source, target: at }) => `${key} (${source}${at === '' ? '' : ` at ${at}`})`)
  return { target, storage, left }
}
