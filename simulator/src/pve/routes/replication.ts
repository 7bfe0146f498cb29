/** Facts: PVE's API2/ReplicationConfig and API2/Replication. */
import type { Guest } from '../../lab/model.ts'
import type { ReplicationJob } from '../../lab/replication.ts'
import { disksIn, storageOf, volumeOf } from '../disks.ts'
import { badParameters, die } from '../error.ts'
import { flag, maybe, oneOf, type Param, text } from '../params.ts'
import type { Call, Route } from '../route.ts'

const JOB = /^([1-9][0-9]{2,8})-(\d{1,9})$/
const admin = { path: '/storage', privs: ['Datastore.Allocate'] }
const rate: Param = { type: 'number', optional: true, minimum: 1 }

/** @throws PveError for what cannot be replicated, as the real one words it */
function volumes({ sim }: Call, guest: Guest, target: string): readonly string[] {
  const found: string[] = []
  for (const [, value] of disksIn(guest.type, guest.config)) {
    if (/(?:^|,)replicate=0(?:,|$)/.test(value)) continue
    if (value.startsWith('/'))
      throw die(`unable to replicate mountpoint type '${value.startsWith('/dev/') ? 'device' : 'bind'}'`)
    const at = (node: string) =>
      sim.lab.storages.find((each) => each.name === storageOf(value) && each.node === node)
    if (at(guest.node)?.plugin !== 'zfspool')
      throw die(`missing replicate feature on volume '${volumeOf(value)}'`)
    if (!at(target)) throw die(`storage '${storageOf(value)}' is not available on node '${target}'`)
    found.push(storageOf(value))
  }
  if (found.length === 0) throw die('no replicatable volumes found')
  return found
}

function create(call: Call): null {
  const { sim, values } = call
  const { id = '', target = '' } = values
  const [, vmid, number] = JOB.exec(id) ?? []
  if (vmid === undefined) throw badParameters({ id: `invalid replication job id '${id}'` })
  if (sim.replication.jobs.has(id)) throw die(`replication job '${id}' already exists`)
  const guest = sim.lab.guests.get(Number(vmid))
  if (!guest) throw die(`guest '${vmid}' does not exist`)
  if (!sim.lab.node(target)) throw die(`no such cluster node '${target}'`)
  if (target === guest.node) throw badParameters({ target: 'target is local node' })
  for (const job of sim.replication.jobs.values())
    if (job.guest === guest.vmid && job.target === target)
      throw die(`replication job for guest '${vmid}' to target '${target}' already exists`)
  volumes(call, guest, target)
  sim.journal.change(guest.vmid, 'replicate')
  sim.replication.jobs.set(id, {
    id,
    guest: guest.vmid,
    jobnum: Number(number),
    source: guest.node,
    target,
    schedule: values.schedule ?? '*/15',
    comment: values.comment,
    rate: values.rate,
    disable: values.disable === '1',
    lastSync: 0,
    lastTry: 0,
    nextSync: sim.clock.seconds() + 900,
    failCount: 0,
    duration: 0,
  })
  return null
}

const configOf = (job: ReplicationJob): object => ({
  id: job.id,
  type: 'local',
  guest: job.guest,
  jobnum: job.jobnum,
  source: job.source,
  target: job.target,
  schedule: job.schedule,
  ...(job.comment && { comment: job.comment }),
  ...(job.rate && { rate: Number(job.rate) }),
  ...(job.disable && { disable: 1 }),
  ...(job.remove && { remove_job: job.remove }),
})

const stateOf = ({ sim }: Call, job: ReplicationJob): object => ({
  ...configOf(job),
  vmtype: sim.lab.guests.get(job.guest)?.type ?? 'lxc',
  last_sync: job.lastSync,
  last_try: job.lastTry,
  next_sync: job.nextSync,
  fail_count: job.failCount,
  duration: job.duration,
  ...(job.error && { error: job.error }),
  ...(job.pid && { pid: job.pid }),
})

const jobOf = ({ sim, values }: Call): ReplicationJob => {
  const job = sim.replication.jobs.get(values.id ?? '')
  if (!job) throw die(`no such replication job '${values.id}'`)
  return job
}

const visible = (call: Call): readonly ReplicationJob[] =>
  call.sim.faults.empty
    ? []
    : [...call.sim.replication.jobs.values()].filter(({ guest }) =>
        call.sim.access.may(call.caller, `/vms/${guest}`, ['VM.Audit']),
      )

const storagesOf = ({ sim }: Call, job: ReplicationJob): readonly string[] => {
  const guest = sim.lab.guests.get(job.guest)
  return guest === undefined ? [] : disksIn(guest.type, guest.config).map(([, value]) => storageOf(value))
}

export const replicationRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/cluster/replication',
    allow: 'all',
    handle: (call) => visible(call).map(configOf),
  },
  {
    verb: 'POST',
    path: '/cluster/replication',
    params: {
      id: text,
      type: oneOf('local'),
      target: text,
      schedule: maybe(text),
      comment: maybe(text),
      rate,
      disable: flag,
      source: maybe(text),
      remove_job: maybe(oneOf('local', 'full')),
    },
    allow: admin,
    handle: create,
  },
  {
    verb: 'DELETE',
    path: '/cluster/replication/{id}',
    params: { force: flag, keep: flag },
    allow: admin,
    handle: (call) => {
      const { sim, values } = call
      const job = jobOf(call)
      sim.journal.change(job.guest, 'unreplicate')
      if (values.force === '1') {
        sim.replication.jobs.delete(job.id)
        return null
      }
      // The scheduler takes it away, with what it has copied unless that is to be kept.
      job.remove = values.keep === '1' ? 'local' : 'full'
      void sim.replication.soon(job, [])
      return null
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/replication',
    params: {
      guest: { type: 'integer', optional: true, minimum: 100, maximum: 999_999_999, format: 'vmid' },
    },
    allow: 'all',
    handle: (call) =>
      visible(call)
        .filter(({ source }) => source === call.values.node)
        .filter(({ guest }) => call.values.guest === undefined || guest === Number(call.values.guest))
        .map((job) => stateOf(call, job)),
  },
  {
    verb: 'POST',
    path: '/nodes/{node}/replication/{id}/schedule_now',
    allow: admin,
    // No task: the scheduler of the node runs it when it comes by.
    handle: (call) => {
      const job = jobOf(call)
      job.nextSync = call.sim.clock.seconds()
      void call.sim.replication.soon(job, storagesOf(call, job))
      return null
    },
  },
]
