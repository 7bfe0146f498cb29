/** The HA manager: what it looks after, and by which groups (PVE 8) or rules (PVE 9). */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import type { Client } from './client.ts'
import type { Ha, HaResource, HaRule, HaSettings, HaStatus } from './cluster-types.ts'
import { version } from './nodes.ts'
import { at, type Params } from './path.ts'
import { read } from './schemas.ts'
import type { GuestRef } from './types.ts'

const flag = z
  .unknown()
  .optional()
  .transform((value) => value === 1 || value === '1' || value === true)
const text = z.string().catch('')

const StatusRow = z.object({
  type: text,
  node: text,
  status: text,
  quorate: flag,
  sid: z.string().optional(),
  state: z.string().optional(),
  crm_state: z.string().optional(),
})

const ResourceRow = z.object({
  sid: z.string(),
  state: z.string().default('started'),
  group: z.string().optional(),
  max_restart: z.coerce.number().default(1),
  max_relocate: z.coerce.number().default(1),
})

const GroupRow = z.object({ group: z.string(), nodes: text, restricted: flag })

const RuleRow = z.object({
  rule: z.string(),
  type: z.string(),
  resources: text,
  nodes: text,
  strict: flag,
  affinity: text,
  disable: flag,
})

const words = (list: string): string[] => list.split(/[,;\s]+/).filter((word) => word !== '')
const sidOf = ({ type, vmid }: GuestRef): string => `${type === 'lxc' ? 'ct' : 'vm'}:${vmid}`

type Seen = z.infer<typeof StatusRow>

function toResource(row: z.infer<typeof ResourceRow>, seen: Seen | undefined): HaResource {
  const state = seen?.crm_state ?? seen?.state
  return {
    sid: row.sid,
    vmid: Number(row.sid.split(':').at(-1)),
    // An older word for the same.
    wanted: row.state === 'enabled' ? 'started' : row.state,
    ...(state === undefined ? {} : { state }),
    ...(seen === undefined || seen.node === '' ? {} : { node: seen.node }),
    ...(row.group === undefined ? {} : { group: row.group }),
    maxRestart: row.max_restart,
    maxRelocate: row.max_relocate,
  }
}

async function status(client: Client, signal?: AbortSignal): Promise<HaStatus> {
  const at = '/cluster/ha/status/current'
  const all = '/cluster/ha/resources'
  const [now, known] = await Promise.all([client.get(at, { signal }), client.get(all, { signal })])
  const rows = read(StatusRow.array(), now.data, at)
  const master = rows.find(({ type }) => type === 'master')?.node
  return {
    quorate: rows.find(({ type }) => type === 'quorum')?.quorate ?? false,
    ...(master === undefined ? {} : { master }),
    managers: rows
      .filter(({ type }) => type === 'lrm')
      .map(({ node, status: said }) => ({ node, status: said })),
    resources: read(ResourceRow.array(), known.data, all).map((row) =>
      toResource(
        row,
        rows.find(({ type, sid }) => type === 'service' && sid === row.sid),
      ),
    ),
  }
}

async function groups(client: Client, signal?: AbortSignal): Promise<readonly HaRule[]> {
  const path = '/cluster/ha/groups'
  const rows = read(GroupRow.array(), (await client.get(path, { signal })).data, path)
  return rows.map(({ group, nodes, restricted }) => ({
    name: group,
    kind: 'group',
    resources: [],
    nodes: words(nodes),
    strict: restricted,
    apart: false,
    disabled: false,
  }))
}

async function rulesOfNine(client: Client, signal?: AbortSignal): Promise<readonly HaRule[]> {
  const path = '/cluster/ha/rules'
  const rows = read(RuleRow.array(), (await client.get(path, { signal })).data, path)
  return rows.flatMap(({ rule, type, resources, nodes, strict, affinity, disable }): readonly HaRule[] => {
    if (type !== 'node-affinity' && type !== 'resource-affinity') return []
    return [
      {
        name: rule,
        kind: type,
        resources: words(resources),
        nodes: words(nodes),
        strict: strict || type === 'resource-affinity',
        apart: affinity === 'negative',
        disabled: disable,
      },
    ]
  })
}

const paramsOf = ({ state, maxRestart, maxRelocate }: Partial<HaSettings>): Params => ({
  state,
  max_restart: maxRestart,
  max_relocate: maxRelocate,
})

const pathOf = (guest: GuestRef): string => at`/cluster/ha/resources/${sidOf(guest)}`

export const createHa = (client: Client): Ha => ({
  status: (signal) => status(client, signal),
  async rules(signal) {
    const { release, version: full } = await version(client, signal)
    const major = Number.parseInt(release || full, 10)
    return major >= 9 ? rulesOfNine(client, signal) : groups(client, signal)
  },
  async get(guest, signal) {
    // All of them: of one that is not there Proxmox only says so in words.
    const { resources } = await status(client, signal)
    return resources.find(({ sid }) => sid === sidOf(guest))
  },
  async add(guest, settings) {
    try {
      await client.send('POST', '/cluster/ha/resources', { sid: sidOf(guest), ...paramsOf(settings) })
    } catch (error) {
      if (!(error instanceof HomelabError) || !/already defined/.test(String(error.data?.text ?? '')))
        throw error
      throw new HomelabError('conflict', `HA looks after ${guest.name} already.`, {
        hint: `\`ha set ${guest.vmid}\` changes what it is asked for.`,
        cause: error,
      })
    }
  },
  async set(guest, settings) {
    await client.send('PUT', pathOf(guest), paramsOf(settings))
  },
  async remove(guest) {
    await client.send('DELETE', pathOf(guest))
  },
})
