/** The nodes of the cluster, their votes, and where a guest is. */
import { z } from 'zod'
import type { Client } from './client.ts'
import type { Cluster, ClusterNode, ClusterStatus, Gpu } from './cluster-types.ts'
import { nodeOf } from './moved.ts'
import { at } from './path.ts'
import { read } from './schemas.ts'

const flag = z
  .unknown()
  .optional()
  .transform((value) => value === 1 || value === '1' || value === true)

const StatusRow = z.object({
  type: z.string(),
  name: z.string(),
  quorate: flag,
  online: flag,
  ip: z.string().optional(),
})

/** `ring0_addr`, `ring1_addr`, …: its links. */
const CorosyncRow = z.looseObject({ node: z.string(), quorum_votes: z.coerce.number().optional() })

const PciRow = z.object({
  id: z.string(),
  class: z.string(),
  device: z.string().optional(),
  device_name: z.string().optional(),
  vendor: z.string().optional(),
  vendor_name: z.string().optional(),
})

type Corosync = z.infer<typeof CorosyncRow>

const linksOf = (row: Corosync): readonly string[] =>
  Object.entries(row)
    .filter(([key, value]) => /^ring\d+_addr$/.test(key) && typeof value === 'string')
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([, value]) => String(value))

async function status(client: Client, signal?: AbortSignal): Promise<ClusterStatus> {
  const path = '/cluster/status'
  const rows = read(StatusRow.array(), (await client.get(path, { signal })).data, path)
  const cluster = rows.find(({ type }) => type === 'cluster')
  const members = rows.filter(({ type }) => type === 'node')
  const config = cluster === undefined ? [] : await optional(() => corosync(client, signal), signal)
  const qdevice = cluster === undefined ? false : await optional(() => hasQdevice(client, signal), signal)
  return {
    ...(cluster === undefined ? {} : { name: cluster.name }),
    quorate: cluster?.quorate ?? true,
    ...(qdevice === undefined ? {} : { qdevice }),
    nodes: members.map(({ name, online, ip }): ClusterNode => {
      const row = config?.find(({ node }) => node === name)
      return {
        node: name,
        online,
        ...(ip === undefined ? {} : { ip }),
        ...(row?.quorum_votes === undefined ? {} : { votes: row.quorum_votes }),
        links: row === undefined ? [] : linksOf(row),
      }
    }),
  }
}

async function corosync(client: Client, signal?: AbortSignal): Promise<readonly Corosync[]> {
  const path = '/cluster/config/nodes'
  return read(CorosyncRow.array(), (await client.get(path, { signal, retries: 0 })).data, path)
}

/** Of a cluster without one the answer is empty. */
async function hasQdevice(client: Client, signal?: AbortSignal): Promise<boolean> {
  const path = '/cluster/config/qdevice'
  const { data } = await client.get(path, { signal, retries: 0 })
  return Object.keys(read(z.looseObject({}), data, path)).length > 0
}

/** What the rest does without: a right that is missing, a version that does not know it. */
async function optional<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
  try {
    return await work()
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}

async function gpus(client: Client, node: string, signal?: AbortSignal): Promise<readonly Gpu[]> {
  const path = at`/nodes/${node}/hardware/pci`
  // It asks the hardware: what does not answer soon is done without.
  const { data } = await client.get(path, { signal, retries: 0, timeoutMs: 5_000 })
  const rows = read(PciRow.array(), data, path)
  return rows
    .filter((row) => /^(?:0x)?03/i.test(row.class))
    .map((row) => {
      const words = [row.vendor_name ?? row.vendor, row.device_name ?? row.device]
      return { id: row.id, name: words.filter((word) => word !== undefined).join(' ') || 'unknown' }
    })
}

export const createCluster = (client: Client): Cluster => ({
  status: (signal) => status(client, signal),
  nodeOf: (guest, signal) => nodeOf(client, guest, signal),
  gpus: (node, signal) => gpus(client, node, signal),
})
