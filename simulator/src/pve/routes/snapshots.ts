import type { Guest, GuestType } from '../../lab/model.ts'
import { canClone } from '../disks.ts'
import { die } from '../error.ts'
import { guestOf } from '../guests.ts'
import { flag, maybe, oneOf, type Param, text } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { create, hasSnapshots, remove, rollback } from '../snapshots.ts'
import type { TaskContext } from '../tasks.ts'

const audit = { path: '/vms/{vmid}', privs: ['VM.Audit'] }
const prefix = { lxc: 'vz', qemu: 'qm' } as const
const name: Param = { type: 'string', format: 'configid', maxLength: 40 }
/** What else of the guest has such a name: the sections of its file, and the snapshot that vzdump makes. */
const reserved = { lxc: ['current', 'vzdump'], qemu: ['current', 'pending'] } as const

function start(
  { sim, caller }: Call,
  guest: Guest,
  action: string,
  work: (task: TaskContext) => Promise<void>,
): string {
  sim.journal.change(guest.vmid, action)
  return sim.tasks.start(guest.node, `${prefix[guest.type]}${action}`, String(guest.vmid), caller.id, work)
}

function take(call: Call, guest: Guest): string {
  const { sim, values } = call
  const { snapname = '', description = '' } = values
  if ((reserved[guest.type] as readonly string[]).includes(snapname))
    throw die(`unable to use snapshot name '${snapname}' (reserved name)`)
  const wanted = { name: snapname, description, vmstate: values.vmstate === '1' }
  return start(call, guest, 'snapshot', (task) => create(sim, guest, wanted, task))
}

function goBack(call: Call, guest: Guest): string {
  const { sim, values, caller } = call
  return start(call, guest, 'rollback', async (task) => {
    await rollback(sim, guest, values.snapname ?? '', task)
    // The start is a task of its own: the end of this one does not mean that the guest runs.
    if (values.start === '1' && guest.state === 'stopped') sim.power.startTask(guest, caller.id)
  })
}

const one = (type: GuestType): readonly Route[] => [
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}/{vmid}/feature`,
    params: { feature: oneOf('snapshot', 'clone', 'copy'), snapname: maybe(name) },
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      const { feature, snapname } = values
      const can =
        feature === 'clone' || feature === 'copy'
          ? canClone(sim, guest, feature, snapname)
          : hasSnapshots(sim, guest)
      const hasFeature = can ? 1 : 0
      return type === 'lxc' ? { hasFeature } : { hasFeature, nodes: sim.lab.nodes.map((node) => node.name) }
    },
  },
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}/{vmid}/snapshot`,
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      return [
        ...guest.snapshots.map((snapshot) => ({
          name: snapshot.name,
          description: snapshot.description,
          snaptime: Math.floor(snapshot.time / 1000),
          ...(snapshot.parent !== undefined && { parent: snapshot.parent }),
          ...(snapshot.state && { snapstate: snapshot.state }),
          ...(type === 'qemu' && { vmstate: snapshot.vmstate ? 1 : 0 }),
        })),
        {
          name: 'current',
          description: 'You are here!',
          running: guest.state === 'stopped' ? 0 : 1,
          ...(guest.parent !== undefined && { parent: guest.parent }),
          digest: '',
        },
      ]
    },
  },
  {
    verb: 'POST',
    path: `/nodes/{node}/${type}/{vmid}/snapshot`,
    // Only a machine has a memory to save.
    params: { snapname: name, description: maybe(text), ...(type === 'qemu' && { vmstate: flag }) },
    allow: { path: '/vms/{vmid}', privs: ['VM.Snapshot'] },
    handle: (call) => take(call, guestOf(call.sim, type, call.values)),
  },
  {
    verb: 'DELETE',
    path: `/nodes/{node}/${type}/{vmid}/snapshot/{snapname}`,
    params: { force: flag },
    allow: { path: '/vms/{vmid}', privs: ['VM.Snapshot'] },
    handle: (call) => {
      const { sim, values } = call
      const guest = guestOf(sim, type, values)
      return start(call, guest, 'delsnapshot', (task) =>
        remove(sim, guest, values.snapname ?? '', values.force === '1', task),
      )
    },
  },
  {
    verb: 'POST',
    path: `/nodes/{node}/${type}/{vmid}/snapshot/{snapname}/rollback`,
    params: { start: flag },
    allow: { path: '/vms/{vmid}', privs: ['VM.Snapshot', 'VM.Snapshot.Rollback'], any: true },
    handle: (call) => goBack(call, guestOf(call.sim, type, call.values)),
  },
]

export const snapshotRoutes: readonly Route[] = [...one('lxc'), ...one('qemu')]
