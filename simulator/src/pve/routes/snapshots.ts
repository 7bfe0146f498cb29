import type { Guest, GuestType, Snapshot } from '../../lab/model.ts'
import type { Sim } from '../../sim.ts'
import { die } from '../error.ts'
import { guestOf } from '../guests.ts'
import { flag, maybe, oneOf, text } from '../params.ts'
import type { Call, Route } from '../route.ts'
import type { TaskContext } from '../tasks.ts'

const audit = { path: '/vms/{vmid}', privs: ['VM.Audit'] }
const prefix = { lxc: 'vz', qemu: 'qm' } as const

/** A mount of a host path cannot be in a snapshot, and then nothing can. */
const hasBindMount = (guest: Guest): boolean =>
  Object.entries(guest.config).some(([name, value]) => /^mp\d+$/.test(name) && value.startsWith('/'))

/** Holds the lock file and writes the lock into the configuration while it works. */
async function withLock(sim: Sim, guest: Guest, lock: string, work: () => Promise<void>): Promise<void> {
  await sim.power.locked(guest, async () => {
    sim.power.checkLock(guest)
    guest.lock = lock
    sim.lab.touch()
    try {
      await work()
    } finally {
      guest.lock = undefined
      sim.lab.touch()
    }
  })
}

function start(
  { sim, caller }: Call,
  guest: Guest,
  action: string,
  work: (task: TaskContext) => Promise<void>,
): string {
  sim.journal.change(guest.vmid, action)
  return sim.tasks.start(guest.node, `${prefix[guest.type]}${action}`, String(guest.vmid), caller.id, work)
}

function snapshotOf(guest: Guest, name: string): Snapshot {
  const found = guest.snapshots.find((snapshot) => snapshot.name === name)
  if (!found) throw new Error(`snapshot '${name}' does not exist`)
  return found
}

function create(call: Call, guest: Guest): string {
  const { sim, values } = call
  const name = values.snapname ?? ''
  if (name === 'current') throw die("unable to use snapshot name 'current' (reserved name)")
  return start(call, guest, 'snapshot', async (task) => {
    if (guest.snapshots.some((snapshot) => snapshot.name === name))
      throw new Error(`snapshot name '${name}' already used`)
    if (hasBindMount(guest)) throw new Error('snapshot feature is not available')
    await withLock(sim, guest, 'snapshot', async () => {
      task.log(
        `snapshotting 'drive-scsi0' (tesla:${guest.type === 'lxc' ? 'subvol' : 'vm'}-${guest.vmid}-disk-0)`,
      )
      await task.spend(1, 1_000)
      const parent = guest.snapshots.at(-1)?.name
      guest.snapshots.push({
        name,
        description: values.description ?? '',
        time: sim.clock.now(),
        parent,
        config: { ...guest.config },
      })
    })
  })
}

function rollback(call: Call, guest: Guest): string {
  const { sim, values, caller } = call
  return start(call, guest, 'rollback', async (task) => {
    const snapshot = snapshotOf(guest, values.snapname ?? '')
    await withLock(sim, guest, 'rollback', async () => {
      await task.spend(1, 1_500)
      if (guest.state !== 'stopped') sim.lab.setState(guest, 'stopped')
      guest.config = { ...snapshot.config }
    })
    // The start is a task of its own: the end of this one does not mean that the guest runs.
    if (values.start === '1') sim.power.startTask(guest, caller.id)
  })
}

const one = (type: GuestType): readonly Route[] => [
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}/{vmid}/feature`,
    params: {
      feature: oneOf('snapshot', 'clone', 'copy'),
      snapname: maybe({ type: 'string', format: 'configid' }),
    },
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      const hasFeature = values.feature === 'snapshot' && hasBindMount(guest) ? 0 : 1
      return type === 'lxc' ? { hasFeature } : { hasFeature, nodes: sim.lab.nodes.map(({ name }) => name) }
    },
  },
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}/{vmid}/snapshot`,
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      const last = guest.snapshots.at(-1)
      return [
        ...guest.snapshots.map(({ name, description, time, parent }) => ({
          name,
          description,
          snaptime: Math.floor(time / 1000),
          ...(parent !== undefined && { parent }),
          ...(type === 'qemu' && { vmstate: 0 }),
        })),
        {
          name: 'current',
          description: 'You are here!',
          running: guest.state === 'stopped' ? 0 : 1,
          ...(last && { parent: last.name }),
          digest: '',
        },
      ]
    },
  },
  {
    verb: 'POST',
    path: `/nodes/{node}/${type}/{vmid}/snapshot`,
    // Only a machine has a memory to save.
    params: {
      snapname: { type: 'string', format: 'configid' },
      description: maybe(text),
      ...(type === 'qemu' && { vmstate: flag }),
    },
    allow: { path: '/vms/{vmid}', privs: ['VM.Snapshot'] },
    handle: (call) => create(call, guestOf(call.sim, type, call.values)),
  },
  {
    verb: 'DELETE',
    path: `/nodes/{node}/${type}/{vmid}/snapshot/{snapname}`,
    params: { force: flag },
    allow: { path: '/vms/{vmid}', privs: ['VM.Snapshot'] },
    handle: (call) => {
      const guest = guestOf(call.sim, type, call.values)
      return start(call, guest, 'delsnapshot', async (task) => {
        const snapshot = snapshotOf(guest, call.values.snapname ?? '')
        await withLock(call.sim, guest, 'snapshot-delete', async () => {
          await task.spend(1, 1_000)
          guest.snapshots = guest.snapshots.filter((other) => other !== snapshot)
        })
      })
    },
  },
  {
    verb: 'POST',
    path: `/nodes/{node}/${type}/{vmid}/snapshot/{snapname}/rollback`,
    params: { start: flag },
    allow: { path: '/vms/{vmid}', privs: ['VM.Snapshot', 'VM.Snapshot.Rollback'], any: true },
    handle: (call) => rollback(call, guestOf(call.sim, type, call.values)),
  },
]

export const snapshotRoutes: readonly Route[] = [...one('lxc'), ...one('qemu')]
