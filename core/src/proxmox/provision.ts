/** Guests that are made and grow: from a template, as a clone, with a larger disk. */
import { HomelabError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { explain } from './backup-errors.ts'
import type { Client } from './client.ts'
import { configLines } from './guest-config.ts'
import { isFree } from './lifecycle.ts'
import { at, type Params } from './path.ts'
import type { CloneRequest, CreateRequest, Provision } from './provision-types.ts'
import { createRoom } from './room.ts'
import { ApplianceRow, ArchiveRow, Config, Feature, NextId, read, VolumeRow } from './schemas.ts'
import type { GuestRef, Tasks } from './types.ts'
import { parseUpid, tryParseUpid } from './upid.ts'

const base = (guest: GuestRef): string => at`/nodes/${guest.node}/${guest.type}/${guest.vmid}`

/** `unprivileged=0` must be said too: it is PVE's default, and nobody should have it by an omission. */
const createParams = (request: CreateRequest): Params => ({
  ...request.config,
  vmid: request.vmid,
  ostemplate: request.template,
  hostname: request.hostname,
  storage: request.storage,
  rootfs: `${request.storage}:${request.sizeGib}`,
  unprivileged: request.unprivileged,
  'ssh-public-keys': request.sshKeys,
  password: request.password?.reveal(),
})

const cloneParams = (source: GuestRef, request: CloneRequest): Params => ({
  newid: request.vmid,
  [source.type === 'lxc' ? 'hostname' : 'name']: request.name,
  full: request.full,
  storage: request.storage,
  snapname: request.snapshot,
  description: request.description,
})

/** Milliseconds for which a VMID that was handed out is not handed out again: by then its guest is there, or will not be. */
const RESERVED_MS = 30_000
/** Milliseconds that a storage may take to say what is on it. */
const DISKS_MS = 10_000

/** Of the VMID are its archives, too. */
const isDisk = (volid: string): boolean => !/^[^:]+:(backup|iso|vztmpl|snippets|import)\//.test(volid)

export function createProvision(client: Client, tasks: Tasks, clock: Pick<Clock, 'monotonic'>): Provision {
  const handedOut = new Map<number, number>()

  async function post(path: string, params: Params, what: string): Promise<string> {
    const { data } = await client.send('POST', path, params)
    const upid = tryParseUpid(data)
    if (upid !== undefined) return upid.text
    throw new HomelabError('failed', `Proxmox accepted ${what} but started no task`, {
      data: { path, answer: data === undefined ? null : data },
    })
  }

  const config = async (guest: GuestRef, current: boolean, signal?: AbortSignal) => {
    const path = `${base(guest)}/config`
    const query = current ? { current: true } : {}
    return configLines(read(Config, (await client.get(path, { query, signal })).data, path))
  }

  return {
    room: createRoom(),
    async nextFree(signal, forMs = RESERVED_MS) {
      const path = '/cluster/nextid'
      const first = read(NextId, (await client.get(path, { signal })).data, path)
      const now = clock.monotonic()
      for (const [vmid, until] of handedOut) if (until <= now) handedOut.delete(vmid)
      // Proxmox reserves nothing: whoever asks at the same time would get the same, and one of them would fail.
      for (let vmid = first; ; vmid += 1) {
        if (handedOut.has(vmid)) continue
        // Before it is asked about: meanwhile the next one asks for a number, too.
        handedOut.set(vmid, now + forMs)
        if (vmid === first || (await isFree(client, vmid, signal))) return vmid
      }
    },
    async templates({ node, storage }, signal) {
      const path = at`/nodes/${node}/storage/${storage}/content`
      // A storage that hangs may hold up nothing but itself.
      const { data } = await client.get(path, { query: { content: 'vztmpl' }, signal, retries: 0 })
      return read(ArchiveRow.array(), data, path).map(({ volid, size }) => ({ volid, node, size }))
    },
    async disksOf({ node, storage, vmid }, signal) {
      const path = at`/nodes/${node}/storage/${storage}/content`
      const options = { query: { vmid }, signal, retries: 1, timeoutMs: DISKS_MS }
      const rows = read(VolumeRow.array(), (await client.get(path, options)).data, path)
      return rows.flatMap((row) => (row.vmid === vmid && isDisk(row.volid) ? [row.volid] : []))
    },
    async removeDisk({ node, volid }) {
      const storage = volid.split(':')[0] ?? ''
      const { data } = await client.send('DELETE', at`/nodes/${node}/storage/${storage}/content/${volid}`)
      return tryParseUpid(data)?.text ?? ''
    },
    async available(node, signal) {
      const path = at`/nodes/${node}/aplinfo`
      return read(ApplianceRow.array(), (await client.get(path, { signal })).data, path)
    },
    download: ({ node, storage, template }) =>
      post(at`/nodes/${node}/aplinfo`, { storage, template }, `to download ${template}`),
    async findDownload({ node, template }, since) {
      // The server's clock may be another: a minute more of them is looked through.
      const earliest = since.getTime() / 1000 - 60
      for (const task of await tasks.list({ node, type: 'download', limit: 10 })) {
        if (task.startTime < earliest || (task.exitStatus ?? 'OK') !== 'OK') continue
        if ((await tasks.log(task.upid)).some((line) => line.includes(template))) return task.upid
      }
      return undefined
    },
    async can(guest, feature, snapshot, signal) {
      const path = `${base(guest)}/feature`
      const { data } = await client.get(path, { query: { feature, snapname: snapshot }, signal })
      return read(Feature, data, path).hasFeature
    },
    create: (request) =>
      post(at`/nodes/${request.node}/lxc`, createParams(request), `to make ${request.vmid}`),
    async findCreate({ node, vmid }, since, claimed) {
      const guest = { vmid, type: 'lxc', node, name: String(vmid) } as const
      return await tasks.latest(guest, 'vzcreate', since, claimed)
    },
    clone: (source, request) =>
      post(`${base(source)}/clone`, cloneParams(source, request), `to clone ${source.name}`),
    findClone: (source, since, claimed) =>
      tasks.latest(source, source.type === 'lxc' ? 'vzclone' : 'qmclone', since, claimed),
    async resize(guest, { disk, bytes, digest }) {
      const { data } = await client.send('PUT', `${base(guest)}/resize`, {
        disk,
        size: String(bytes),
        digest,
      })
      return tryParseUpid(data)?.text ?? ''
    },
    async wait(upid, what, options) {
      try {
        return await tasks.wait(upid, options)
      } catch (error) {
        if (!(error instanceof HomelabError) || error.data?.exitStatus === undefined) throw error
        const { log } = error.data
        throw explain(
          error,
          { what, node: parseUpid(upid).node, ...storageIn(log) },
          Array.isArray(log) ? log.map(String) : [],
        )
      }
    },
    async pending(guest, signal) {
      const [saved, current] = await Promise.all([config(guest, false, signal), config(guest, true, signal)])
      const keys = new Set([...Object.keys(saved), ...Object.keys(current)])
      return [...keys].filter((key) => saved[key] !== current[key])
    },
  }
}

/** The storage that a log complains about. */
function storageIn(log: unknown): { readonly storage?: string } {
  const text = Array.isArray(log) ? log.join('\n') : ''
  const storage = /cannot create '([^'/]+)/.exec(text)?.[1]
  return storage === undefined ? {} : { storage }
}
