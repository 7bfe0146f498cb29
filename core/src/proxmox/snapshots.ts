/** Snapshots of containers and VMs. Facts: PVE's AbstractConfig, API2/LXC/Snapshot and API2/Qemu. */
import { HomelabError } from '../errors.ts'
import { joinWords } from '../nearest.ts'
import type { Client } from './client.ts'
import { configLines, mountsOf } from './guest-config.ts'
import { at, type Params } from './path.ts'
import { Config, Feature, read, SnapshotRow } from './schemas.ts'
import { explainSnapshot, type SnapshotFacts } from './snapshot-errors.ts'
import type { Snapshot, SnapshotAction, Snapshots } from './snapshot-types.ts'
import type { GuestRef, Tasks } from './types.ts'
import { tryParseUpid } from './upid.ts'

const base = (guest: GuestRef): string => at`/nodes/${guest.node}/${guest.type}/${guest.vmid}`

/** Of the row that stands for the guest as it is now. */
const CURRENT = 'current'

const words: Record<SnapshotAction, string> = {
  create: 'snapshot',
  delete: 'delsnapshot',
  rollback: 'rollback',
}

/** `vzsnapshot`, `qmdelsnapshot`, … */
export const snapshotTask = ({ type }: GuestRef, action: SnapshotAction): string =>
  `${type === 'lxc' ? 'vz' : 'qm'}${words[action]}`

export const snapshotFacts = (guest: GuestRef, name: string): SnapshotFacts => ({
  guest: `${guest.name} (${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} on ${guest.node})`,
  vmid: guest.vmid,
  name,
})

export function createSnapshots(client: Client, tasks: Pick<Tasks, 'latest'>): Snapshots {
  async function send(
    method: 'POST' | 'DELETE',
    path: string,
    params: Params,
    guest: GuestRef,
    name: string,
  ): Promise<string> {
    let data: unknown
    try {
      data = (await client.send(method, path, params)).data
    } catch (error) {
      throw explainSnapshot(error, snapshotFacts(guest, name))
    }
    const upid = tryParseUpid(data)
    if (upid !== undefined) return upid.text
    throw new HomelabError(
      'failed',
      `Proxmox took the change of ${guest.name}'s snapshots but began no task.`,
      {
        hint: 'Look at the guest: it may live on another node by now.',
        data: { path, answer: data === undefined ? null : data },
      },
    )
  }

  return {
    async list(guest, signal) {
      const path = `${base(guest)}/snapshot`
      const rows = read(SnapshotRow.array(), (await client.get(path, { signal })).data, path)
      const now = rows.find(({ name }) => name === CURRENT)
      return {
        snapshots: rows
          .filter(({ name }) => name !== CURRENT)
          .map(toSnapshot)
          .sort((a, b) => a.time - b.time || (b.parent === a.name ? -1 : Number(a.parent === b.name))),
        ...(now?.parent === undefined ? {} : { current: now.parent }),
        running: now?.running ?? false,
      }
    },
    async obstacle(guest, signal) {
      const path = `${base(guest)}/feature`
      const { data } = await client.get(path, { query: { feature: 'snapshot' }, signal })
      if (read(Feature, data, path).hasFeature) return undefined
      const config = `${base(guest)}/config`
      return reasonIn(guest, configLines(read(Config, (await client.get(config, { signal })).data, config)))
    },
    create: (guest, name, { description, vmstate } = {}) =>
      send(
        'POST',
        `${base(guest)}/snapshot`,
        { snapname: name, description, vmstate: vmstate || undefined },
        guest,
        name,
      ),
    remove: (guest, name, force) =>
      send('DELETE', `${base(guest)}/snapshot/${at`${name}`}`, { force: force || undefined }, guest, name),
    rollback: (guest, name) =>
      send('POST', `${base(guest)}/snapshot/${at`${name}`}/rollback`, {}, guest, name),
    find: (guest, action, since, claimed) => tasks.latest(guest, snapshotTask(guest, action), since, claimed),
  }
}

function toSnapshot({ name, description, snaptime, parent, vmstate, snapstate }: SnapshotRow): Snapshot {
  return {
    name,
    description: description.trimEnd(),
    time: snaptime,
    ...(parent === undefined ? {} : { parent }),
    vmstate,
    ...(snapstate === undefined ? {} : { state: snapstate }),
  }
}

/** Proxmox says only that it cannot: a path of the host is known to be a reason, else it must be a storage. */
function reasonIn(guest: GuestRef, lines: Readonly<Record<string, string>>): string {
  const mounts = mountsOf(guest.type, lines)
  const ofHost = mounts.filter(({ kind }) => kind !== 'volume')
  if (ofHost.length > 0) {
    const each = ofHost.map(({ key, source }) => `${key} (${source})`)
    return each.length === 1
      ? `its ${each[0]} is of the host, which no snapshot can hold`
      : `its ${joinWords(each)} are of the host, which no snapshot can hold`
  }
  const storages = [...new Set(mounts.map(({ source }) => source.split(':')[0] ?? source))]
  return storages.length === 0
    ? 'it has no disk that a snapshot could hold'
    : `not every disk of it is on a storage that takes snapshots: it uses ${joinWords(storages)}`
}
