/** Guests that come and go, and their configuration. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Client } from './client.ts'
import { at } from './path.ts'
import type { GuestRef, Proxmox } from './types.ts'
import { tryParseUpid } from './upid.ts'

const base = (guest: GuestRef): string => at`/nodes/${guest.node}/${guest.type}/${guest.vmid}`

export async function isFree(client: Client, vmid: number, signal?: AbortSignal): Promise<boolean> {
  try {
    await client.get('/cluster/nextid', { query: { vmid }, signal })
    return true
  } catch (error) {
    if (isHomelabError(error) && /already exists/.test(`${error.message} ${String(error.data?.text ?? '')}`))
      return false
    throw error
  }
}

export const configure = async (
  client: Client,
  guest: GuestRef,
  lines: Readonly<Record<string, string>>,
  { remove = [], digest }: NonNullable<Parameters<Proxmox['configure']>[2]> = {},
): Promise<void> => {
  const gone = remove.length === 0 ? undefined : remove.join(',')
  await client.send('PUT', `${base(guest)}/config`, { ...lines, delete: gone, digest })
}

export async function destroy(
  client: Client,
  guest: GuestRef,
  { purge, force, unreferenced }: NonNullable<Parameters<Proxmox['destroy']>[1]> = {},
): Promise<string> {
  const path = base(guest)
  const { data } = await client.send('DELETE', path, {
    purge: purge || undefined,
    force: force || undefined,
    'destroy-unreferenced-disks': unreferenced || undefined,
  })
  const upid = tryParseUpid(data)
  if (upid !== undefined) return upid.text
  throw new HomelabError('failed', `Proxmox accepted the removal of ${guest.name} but started no task`, {
    data: { path, answer: data === undefined ? null : data },
  })
}
