/**
 * Guests that are on another node than the caller thinks: HA, or another person, has moved them since. Proxmox answers for
 * such a guest before it does anything, with a file that is not there, or with a node that is not there: then the call
 * goes once more to the node where the guest is now.
 */
import { HomelabError } from '../errors.ts'
import type { Client } from './client.ts'
import { at } from './path.ts'
import type { GuestRef } from './types.ts'

interface Row {
  readonly type?: unknown
  readonly vmid?: unknown
  readonly node?: unknown
}

/** From the cluster's own memory, so as it is now; undefined when no such guest is there, or may not be seen. */
export async function nodeOf(
  client: Pick<Client, 'get'>,
  { vmid, type }: Pick<GuestRef, 'vmid'> & { readonly type?: GuestRef['type'] },
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { data } = await client.get('/cluster/resources', { query: { type: 'vm' }, signal, retries: 0 })
  if (!Array.isArray(data)) return undefined
  const row = (data as Row[]).find(
    (each) => Number(each?.vmid) === vmid && (type === undefined || each.type === type),
  )
  return typeof row?.node === 'string' ? row.node : undefined
}

interface Addressed {
  readonly node: string
  readonly type: 'lxc' | 'qemu'
  readonly vmid: number
  readonly rest: string
}

function addressed(path: string): Addressed | undefined {
  const [, node, type, vmid, rest = ''] = /^\/nodes\/([^/]+)\/(lxc|qemu)\/(\d+)(\/.*)?$/.exec(path) ?? []
  if (node === undefined || (type !== 'lxc' && type !== 'qemu')) return undefined
  return { node: decodeURIComponent(node), type, vmid: Number(vmid), rest }
}

/**
 * What Proxmox says of a guest that is not on the node: of its file, or that it looked for one. Its end of a task says so
 * too, of VMs, whose workers are the first to look.
 */
export function saysElsewhere(
  text: string,
  { node, type, vmid }: Pick<GuestRef, 'node' | 'type' | 'vmid'>,
): boolean {
  const [folder, kind] = type === 'lxc' ? ['lxc', 'CT'] : ['qemu-server', 'VM']
  return (
    text.includes(`Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`) ||
    text.includes(`unable to find configuration file for ${kind} ${vmid} on node '${node}'`)
  )
}

/**
 * Whether this answer says that nothing was done because the guest is not there. 595: there was no connection to the
 * node at all. Any other answer on the way may come after the deed.
 */
function isElsewhere(error: unknown, guest: Addressed): error is HomelabError {
  if (!(error instanceof HomelabError) || error.code === 'unclear') return false
  if (error.data?.status === 595) return true
  return saysElsewhere(String(error.data?.text ?? ''), guest)
}

/** The same client, whose calls for one guest find it wherever it is. */
export function followGuests(client: Client): Client {
  async function follow<T>(
    path: string,
    signal: AbortSignal | undefined,
    call: (path: string) => Promise<T>,
  ): Promise<T> {
    try {
      return await call(path)
    } catch (error) {
      const guest = addressed(path)
      if (guest === undefined || !isElsewhere(error, guest)) throw error
      // What went wrong first is what there is to say, unless the guest is found.
      const now = await nodeOf(client, guest, signal).catch(() => undefined)
      if (now === undefined || now === guest.node) throw error
      return await call(at`/nodes/${now}/${guest.type}/${guest.vmid}` + guest.rest)
    }
  }

  return {
    auth: client.auth,
    get: (path, options) => follow(path, options?.signal, (where) => client.get(where, options)),
    send: (method, path, form) => follow(path, undefined, (where) => client.send(method, where, form)),
  }
}
