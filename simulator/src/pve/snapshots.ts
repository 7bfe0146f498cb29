/** What the workers of snapshots do. Facts: PVE's AbstractConfig (snapshot_create, …_rollback, …_delete) and its storages. */
import type { Guest, Snapshot } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import type { TaskContext } from './tasks.ts'

const isVolume = ([key, value]: [string, string]): boolean =>
  /^(rootfs|mp\d+|(scsi|virtio|sata|ide)\d+|efidisk0|tpmstate0)$/.test(key) && !value.includes('media=cdrom')

const volumesOf = (config: Readonly<Record<string, string>>): readonly (readonly [string, string])[] =>
  Object.entries(config)
    .filter(isVolume)
    .map(([key, value]) => [key, value.split(',')[0] ?? ''])

const pluginOf = (sim: Sim, guest: Guest, volume: string): string | undefined =>
  sim.lab.storages.find(({ name, node }) => name === volume.split(':')[0] && node === guest.node)?.plugin

/** A path of the host cannot be in a snapshot, nor can a raw file of a folder; and then nothing can. */
export const hasSnapshots = (sim: Sim, guest: Guest): boolean =>
  volumesOf(guest.config).every(([, volume]) => {
    if (volume.startsWith('/')) return false
    const plugin = pluginOf(sim, guest, volume) ?? ''
    return ['zfspool', 'lvmthin', 'btrfs', 'rbd'].includes(plugin) || volume.endsWith('.qcow2')
  })

function find(guest: Guest, name: string): Snapshot {
  const found = guest.snapshots.find((snapshot) => snapshot.name === name)
  if (!found) throw new Error(`snapshot '${name}' does not exist`)
  return found
}

/** ZFS goes back to the newest only: what came later would be destroyed. */
function assertNewest(sim: Sim, guest: Guest, snapshot: Snapshot): void {
  const later = guest.snapshots.slice(guest.snapshots.indexOf(snapshot) + 1)
  for (const [key, volume] of volumesOf(snapshot.config)) {
    if (pluginOf(sim, guest, volume) !== 'zfspool') continue
    if (later.some(({ config }) => config[key]?.split(',')[0] === volume))
      throw new Error(`can't rollback, '${snapshot.name}' is not most recent snapshot on '${volume}'`)
  }
}

export interface Wanted {
  readonly name: string
  readonly description: string
  readonly vmstate: boolean
}

export const create = (sim: Sim, guest: Guest, wanted: Wanted, task: TaskContext): Promise<void> =>
  sim.power.locked(guest, async () => {
    const { name, description } = wanted
    if (guest.template) throw new Error("you can't take a snapshot if it's a template")
    sim.power.checkLock(guest)
    if (guest.snapshots.some((snapshot) => snapshot.name === name))
      throw new Error(`snapshot name '${name}' already used`)
    if (!hasSnapshots(sim, guest)) throw new Error('snapshot feature is not available')
    const vmstate = wanted.vmstate && guest.state !== 'stopped'
    const snapshot: Snapshot = {
      name,
      description,
      time: sim.clock.now(),
      parent: guest.parent,
      config: { ...guest.config },
      inside: sim.insides.saved(guest.vmid),
      state: 'prepare',
      ...(vmstate && { vmstate }),
    }
    guest.lock = 'snapshot'
    guest.snapshots.push(snapshot)
    sim.lab.touch()
    for (const [key, volume] of volumesOf(guest.config))
      task.log(guest.type === 'lxc' ? `snapshotting '${volume}'` : `snapshotting 'drive-${key}' (${volume})`)
    try {
      await task.spend(1, vmstate ? 6_000 : 1_000)
    } catch (error) {
      // A worker that was killed cleans nothing up.
      if (error instanceof Error && error.message === 'unexpected status') throw error
      task.log('snapshot create failed: starting cleanup')
      guest.snapshots = guest.snapshots.filter((other) => other !== snapshot)
      unlock(sim, guest)
      throw error
    }
    snapshot.state = undefined
    guest.parent = name
    unlock(sim, guest)
  })

export const rollback = (sim: Sim, guest: Guest, name: string, task: TaskContext): Promise<void> =>
  sim.power.locked(guest, async () => {
    if (guest.template) throw new Error("you can't rollback if vm is a template")
    const snapshot = find(guest, name)
    assertNewest(sim, guest, snapshot)
    if (snapshot.state)
      throw new Error(`unable to rollback to incomplete snapshot (snapstate = ${snapshot.state})`)
    sim.power.checkLock(guest)
    if (guest.state !== 'stopped') sim.lab.setState(guest, 'stopped')
    guest.lock = 'rollback'
    sim.lab.touch()
    // What fails from here on leaves the lock.
    await task.spend(1, 1_500)
    guest.config = { ...snapshot.config }
    sim.insides.put(guest.vmid, snapshot.inside)
    guest.parent = name
    unlock(sim, guest)
    if (snapshot.vmstate) sim.lab.setState(guest, 'running')
  })

export const remove = (
  sim: Sim,
  guest: Guest,
  name: string,
  force: boolean,
  task: TaskContext,
): Promise<void> =>
  sim.power.locked(guest, async () => {
    const snapshot = find(guest, name)
    sim.power.checkLock(guest)
    guest.lock = 'snapshot-delete'
    sim.lab.touch()
    if (guest.template) throw new Error("you can't delete a snapshot if vm is a template")
    snapshot.state = 'delete'
    try {
      await task.spend(1, 1_000)
    } catch (error) {
      // Without `force` the lock stays, for a person to look.
      if (!force || task.signal.aborted) throw error
      task.warn(error instanceof Error ? error.message : String(error))
    }
    if (guest.parent === name) guest.parent = snapshot.parent
    for (const other of guest.snapshots) if (other.parent === name) other.parent = snapshot.parent
    guest.snapshots = guest.snapshots.filter((other) => other !== snapshot)
    unlock(sim, guest)
  })

function unlock(sim: Sim, guest: Guest): void {
  guest.lock = undefined
  sim.lab.touch()
}
