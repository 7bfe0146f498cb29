/** The worker of a migration. Facts: PVE::LXC::Migrate, PVE::QemuMigrate and their order of checks. */
import { type Guest, type GuestType, isManaged } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import { disksIn, storageOf, volumeOf } from './disks.ts'
import type { TaskContext } from './tasks.ts'

export interface Move {
  readonly target: string
  /** Of a running container: stopped, moved, started. */
  readonly restart?: boolean
  /** Of a running machine: it runs on while it is moved. */
  readonly online?: boolean
  readonly withLocalDisks?: boolean
  /** Storage there, for all that is on local ones; by default of the same name. */
  readonly storage?: string | undefined
}

/** A share of the length of a container's move: it copies its disks while it is down. */
const COPY_MS = { lxc: 9_000, qemu: 14_000 }

export const moveType = (type: GuestType): string => (type === 'lxc' ? 'vzmigrate' : 'qmigrate')

const running = (guest: Guest): boolean => guest.state !== 'stopped'
const isShared = (value: string): boolean => /(?:^|,)shared=1(?:,|$)/.test(value)

const storageAt = (sim: Sim, node: string, name: string) =>
  sim.lab.storages.find((each) => each.node === node && each.name === name)

/** Devices of its node that a machine uses: it cannot leave without them. */
export const localResources = (guest: Guest): readonly string[] =>
  Object.keys(guest.config).filter(
    (key) =>
      /^(hostpci|usb|serial|parallel)\d+$/.test(key) && !/^(spice|socket)/.test(guest.config[key] ?? ''),
  )

/** Disks that are on a storage of its node alone. */
export const localDisks = (sim: Sim, guest: Guest): readonly (readonly [string, string])[] =>
  disksIn(guest.type, guest.config).filter(
    ([, value]) => !value.startsWith('/') && storageAt(sim, guest.node, storageOf(value))?.shared !== true,
  )

/** @throws Error as the worker words it, before it has changed anything */
function check(sim: Sim, guest: Guest, move: Move): void {
  const { target } = move
  sim.power.checkLock(guest)
  if (guest.type === 'lxc' && running(guest) && !move.restart)
    throw new Error('lxc live migration is currently not implemented')
  const devices = guest.type === 'qemu' ? localResources(guest) : []
  if (devices.length > 0) throw new Error(`can't migrate VM which uses local devices: ${devices.join(', ')}`)
  if (!sim.lab.online(target)) throw new Error("Can't connect to destination address using public key")
  for (const [key, value] of disksIn(guest.type, guest.config)) {
    if (value.startsWith('/')) {
      if (isShared(value)) continue
      const kind = value.startsWith('/dev/') ? 'device' : 'bind'
      throw new Error(`cannot migrate local ${kind} mount point '${key}'`)
    }
    const from = storageOf(value)
    const to = storageAt(sim, guest.node, from)?.shared ? from : (move.storage ?? from)
    const there = storageAt(sim, target, to)
    if (!there) throw new Error(`storage '${to}' is not available on node '${target}'`)
    const content = guest.type === 'lxc' ? 'rootdir' : 'images'
    if (!there.content.split(',').includes(content))
      throw new Error(`content type '${content}' is not available on storage '${to}'`)
  }
  if (guest.type === 'qemu' && running(guest) && localDisks(sim, guest).length > 0 && !move.withLocalDisks)
    throw new Error("can't live migrate attached local disks without with-local-disks option")
}

/** Starts the task on the node that the guest leaves, and answers its UPID. */
export function moveTask(sim: Sim, guest: Guest, user: string, move: Move): string {
  sim.journal.change(guest.vmid, 'migrate')
  return sim.tasks.start(guest.node, moveType(guest.type), String(guest.vmid), user, (task) =>
    sim.power.locked(guest, () => carry(sim, guest, move, task)),
  )
}

async function carry(sim: Sim, guest: Guest, move: Move, task: TaskContext): Promise<void> {
  const { target } = move
  const began = sim.clock.now()
  const kind = guest.type === 'lxc' ? 'CT' : 'VM'
  task.log(`starting migration of ${kind} ${guest.vmid} to node '${target}' (${sim.lab.node(target)?.ip})`)
  check(sim, guest, move)
  const from = guest.node
  const restarted = guest.type === 'lxc' && running(guest)
  if (restarted) {
    task.log(`shutdown CT ${guest.vmid}`)
    await sim.power.shutdown(guest, task, { timeout: 180, force: false }, 0.1)
  }
  guest.lock = 'migrate'
  sim.lab.touch()
  const local = localDisks(sim, guest)
  try {
    for (const [, value] of local) task.log(`found local volume '${volumeOf(value)}' (in current VM config)`)
    const replicated = sim.replication.between(guest.vmid, from, target)
    const length = COPY_MS[guest.type] / (replicated || local.length === 0 ? 10 : 1)
    await task.spend(0.4, length)
    const stores = local.map(([, value]) => move.storage ?? storageOf(value))
    if (stores.some((name) => sim.faults.fullStorage.includes(name)))
      throw new Error(
        `storage migration for '${volumeOf(local[0]?.[1] ?? '')}' to storage '${stores[0]}' failed - out of space`,
      )
    await task.spend(0.4, length)
    for (const [key, value] of local)
      if (move.storage !== undefined)
        guest.config[key] = value.replace(`${storageOf(value)}:`, `${move.storage}:`)
    sim.lab.move(guest, target)
    sim.replication.moved(guest.vmid, from, target)
    guest.lock = undefined
  } catch (error) {
    // A worker that was killed leaves its lock.
    if (!(error instanceof Error && error.message === 'unexpected status')) guest.lock = undefined
    throw error
  } finally {
    sim.lab.touch()
  }
  if (restarted) {
    task.log('start container on target node')
    if (!isManaged(guest)) await sim.power.start(guest, task, 0.1)
    else sim.power.startTask(guest, 'root@pam')
  }
  const seconds = Math.max(1, Math.round((sim.clock.now() - began) / 1000))
  task.log(`migration finished successfully (duration 00:00:${String(seconds % 60).padStart(2, '0')})`)
}
