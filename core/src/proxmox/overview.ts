import { HomelabError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Client } from './client.ts'
import { Permissions, read } from './schemas.ts'
import type { Guest, Node, Overview, Storage } from './types.ts'

type Row = Readonly<Record<string, unknown>>

// By hand and not by zod: this runs on 10,000 rows between a keystroke and its completion.
const number = (value: unknown): number => (typeof value === 'number' ? value : Number(value ?? 0) || 0)
const text = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''
const list = (value: unknown): string[] =>
  typeof value === 'string' && value !== '' ? value.split(/[,; ]+/).filter((item) => item !== '') : []
const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isSet = (value: unknown): boolean => value === 1 || value === '1' || value === true

/** As Proxmox calls it, where we know the word. */
export const guestStatus = (value: unknown): Guest['status'] =>
  value === 'running' || value === 'stopped' || value === 'paused' ? value : 'unknown'

function toGuest(row: Row, type: Guest['type'], vmid: number, node: string): Guest {
  const { lock, pool, hastate } = row
  const guest: { -readonly [K in keyof Guest]: Guest[K] } = {
    vmid,
    type,
    node,
    // A guest of a node that does not answer has no name.
    name: text(row.name) || String(vmid),
    status: guestStatus(row.status),
    template: isSet(row.template),
    tags: list(row.tags),
    uptime: number(row.uptime),
    cpu: number(row.cpu),
    maxcpu: number(row.maxcpu),
    mem: number(row.mem),
    maxmem: number(row.maxmem),
    disk: number(row.disk),
    maxdisk: number(row.maxdisk),
  }
  if (isText(lock)) guest.lock = lock
  if (isText(pool)) guest.pool = pool
  if (isText(hastate)) guest.hastate = hastate
  return guest
}

function toNode(row: Row, node: string): Node {
  const status = row.status
  return {
    node,
    status: status === 'online' || status === 'offline' ? status : 'unknown',
    cpu: number(row.cpu),
    maxcpu: number(row.maxcpu),
    mem: number(row.mem),
    maxmem: number(row.maxmem),
    disk: number(row.disk),
    maxdisk: number(row.maxdisk),
    uptime: number(row.uptime),
  }
}

function toStorage(row: Row, storage: string, node: string): Storage {
  return {
    storage,
    node,
    status: row.status === 'available' ? 'available' : 'unknown',
    plugin: text(row.plugintype),
    shared: isSet(row.shared),
    content: list(row.content),
    used: number(row.disk),
    total: number(row.maxdisk),
  }
}

/** The rows of `GET /cluster/resources`; kinds that are not used here are passed over. */
export function mapResources(data: unknown): Pick<Overview, 'nodes' | 'guests' | 'storages'> {
  if (!Array.isArray(data)) {
    throw new HomelabError('failed', 'Proxmox answered /cluster/resources in an unexpected form (not a list)')
  }
  const nodes: Node[] = []
  const guests: Guest[] = []
  const storages: Storage[] = []
  for (const item of data as unknown[]) {
    if (typeof item !== 'object' || item === null) continue
    const row = item as Row
    const { type, node, vmid, storage } = row
    if (typeof node !== 'string') continue
    if (type === 'lxc' || type === 'qemu') {
      const id = number(vmid)
      if (id > 0) guests.push(toGuest(row, type, id, node))
    } else if (type === 'node') nodes.push(toNode(row, node))
    else if (type === 'storage' && typeof storage === 'string') storages.push(toStorage(row, storage, node))
  }
  return { nodes, guests, storages }
}

export async function readOverview(client: Client, clock: Clock, signal?: AbortSignal): Promise<Overview> {
  const { data } = await client.get('/cluster/resources', { signal })
  const rows = mapResources(data)
  const filtered = rows.guests.length === 0 && !(await mayAuditGuests(client, signal))
  return { at: clock.now().toISOString(), ...rows, filtered }
}

/** Lists come back empty, not refused, when the right to see is missing. */
async function mayAuditGuests(client: Client, signal: AbortSignal | undefined): Promise<boolean> {
  const path = '/access/permissions'
  const permissions = read(Permissions, (await client.get(path, { signal })).data, path)
  return Object.entries(permissions).some(
    ([where, privileges]) => /^\/($|vms|pool)/.test(where) && privileges['VM.Audit'] !== undefined,
  )
}
