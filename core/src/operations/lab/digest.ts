import { z } from 'zod'
import { planStatuses } from '../../backup/status.ts'
import { backupsOf } from '../../digest/backups.ts'
import { digestCard } from '../../digest/card.ts'
import { incidentsSince } from '../../digest/incidents.ts'
import { lastTold, runsSince } from '../../digest/runs.ts'
import { storagesSince } from '../../digest/storages.ts'
import { DigestOutput } from '../../digest/types.ts'
import { certificatesOf, updatesOf } from '../../digest/upkeep.ts'
import { parseDuration } from '../../duration.ts'
import { errorData } from '../../errors.ts'
import type { DigestPart } from '../../inventory/backup-schema.ts'
import { defineOperation } from '../../operation/define.ts'
import { inParallel } from '../../parallel.ts'
import { tunnelOf, tunnelSettings } from '../../tunnel/where.ts'

const own = 'lab.digest'
/** Nodes that are asked at the same time. */
const AT_ONCE = 4

export const digest = defineOperation({
  id: own,
  chat: 'digest',
  title: 'What happened, and what waits',
  description:
    'Since yesterday, or since the same schedule told it last: runs, incidents, backups, storages and how they grow, updates of the nodes, certificates and the tunnel. What cannot be looked at is named, and the rest is there.',
  risk: 'read',
  permission: 'viewer',
  // It comes by itself; and the tree has no place left.
  rare: true,
  input: z.object({
    since: z
      .string()
      .refine((text) => parseDuration(text) !== undefined, 'is like 12h, 2d or 7d')
      .optional()
      .describe('How far back, such as 12h or 7d; default: a day'),
  }),
  output: DigestOutput,
  positional: ['since'],
  examples: ['digest', 'digest 7d'],
  needs: ['lab', 'proxmox', 'shells', 'secrets', 'clock'],
  wants: ['runs', 'incidents', 'monitoring', 'network', 'caller'],
  run: async ({ since: asked }, services, { signal }) => {
    const { lab, proxmox, shells, clock, runs, incidents, monitoring, network, caller } = services
    const { inventory } = lab
    const now = clock.now()
    const ago = parseDuration(asked ?? '')
    const since =
      ago === undefined
        ? await lastTold(runs, caller?.id, own, now)
        : new Date(Math.max(0, now.getTime() - ago))
    const unseen: DigestOutput['unseen'] = []
    const left = inventory.digest?.without ?? []

    /** One part that cannot be looked at costs a line, and not the rest. */
    async function part<T>(name: DigestPart, look: () => Promise<T>, what = ''): Promise<T | undefined> {
      if (left.includes(name)) return undefined
      try {
        return await look()
      } catch (error) {
        signal.throwIfAborted()
        unseen.push({ part: name, text: `${what}${errorData(error).message}` })
        return undefined
      }
    }

    async function onNodes<T>(
      name: DigestPart,
      look: (node: string) => Promise<T>,
    ): Promise<readonly T[] | undefined> {
      const nodes = await part(name, async () => (await lab.overview({ signal })).nodes)
      if (nodes === undefined) return undefined
      const answers = await inParallel(nodes, AT_ONCE, ({ node, status }) =>
        // That it is away is told elsewhere; nobody waits for its answer.
        status === 'offline' ? Promise.resolve(undefined) : part(name, () => look(node), `${node}: `),
      )
      const known = answers.filter((answer) => answer !== undefined)
      return known.length === 0 ? undefined : known
    }

    const [done, problems, plans, storages, updates, certificates, tunnel] = await Promise.all([
      runs && part('runs', () => runsSince(runs, since, own)),
      incidents && part('incidents', () => incidentsSince(incidents, since)),
      inventory.backups.length === 0
        ? undefined
        : part('backups', () => planStatuses(services, inventory.backups, { signal })),
      part('storages', () =>
        storagesSince({
          lab,
          shells,
          monitoring,
          span: { from: since, to: now },
          signal,
          onUnseen: (text) => unseen.push({ part: 'storages', text }),
        }),
      ),
      onNodes('updates', (node) => updatesOf(proxmox, node, signal)),
      onNodes('certificates', (node) => certificatesOf(proxmox, node, signal)),
      network &&
        part('tunnel', async () => {
          const { id } = tunnelSettings(network)
          return id === undefined
            ? await tunnelOf(network, signal)
            : await network.cloudflare.tunnel(id, signal)
        }),
    ])
    const { timezone } = inventory
    return {
      since: since.toISOString(),
      at: now.toISOString(),
      ...(timezone === undefined ? {} : { timezone }),
      ...(done === undefined ? {} : { runs: done }),
      ...(problems === undefined ? {} : { incidents: problems }),
      ...(plans === undefined ? {} : { backups: backupsOf(plans, now) }),
      ...(storages === undefined ? {} : { storages }),
      ...(updates === undefined ? {} : { updates: [...updates] }),
      ...(certificates === undefined
        ? {}
        : { certificates: certificates.flat().toSorted((a, b) => a.until.localeCompare(b.until)) }),
      ...(tunnel === undefined
        ? {}
        : { tunnel: { name: tunnel.name, status: tunnel.status, connections: tunnel.connections } }),
      unseen,
    }
  },
  card: (output) => digestCard(output),
})
