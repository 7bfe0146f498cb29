import { badParameters } from '../error.ts'
import type { Values } from '../params.ts'
import { flag, maybe, oneOf, text, vmid, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { Listing, permit } from '../route.ts'
import type { TaskRecord } from '../tasks.ts'
import { mayReadTask, taskRow } from './task-view.ts'

/** node, pid, pstart, starttime, type, id, user */
const UPID =
  /^UPID:([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/

/** @throws PveError 400 for what is no UPID, or none of a task here; 403 for a task of somebody else */
function taskOf({ sim, caller, values }: Call, priv: string): TaskRecord {
  const upid = values.upid ?? ''
  const owner = UPID.exec(upid)?.[8]
  if (owner === undefined) throw badParameters({ upid: 'unable to parse worker upid' })
  const task = sim.tasks.get(upid)
  if (!task || task.node !== values.node) throw badParameters({ upid: 'no such task' })
  if (!mayReadTask(caller, task.user)) permit(sim, caller, `/nodes/${task.node}`, [priv])
  return task
}

function statusKind(task: TaskRecord): string {
  if (task.status === undefined || task.status === 'unexpected status') return 'unknown'
  if (task.status === 'OK') return 'ok'
  return task.status.startsWith('WARNINGS') ? 'warning' : 'error'
}

function filtered(tasks: readonly TaskRecord[], values: Values): readonly TaskRecord[] {
  const kinds = values.statusfilter?.split(/[,;\s]+/)
  return tasks.filter(
    (task) =>
      (values.errors !== '1' || (task.status !== undefined && task.status !== 'OK')) &&
      (values.vmid === undefined || task.id === values.vmid) &&
      (values.typefilter === undefined || task.type === values.typefilter) &&
      (values.since === undefined || task.starttime >= Number(values.since)) &&
      (values.until === undefined || task.starttime <= Number(values.until)) &&
      (values.userfilter === undefined ||
        task.user.toLowerCase().includes(values.userfilter.toLowerCase())) &&
      (!kinds || kinds.includes(statusKind(task))),
  )
}

export const taskRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/tasks',
    params: {
      errors: flag,
      limit: whole(0),
      since: whole(),
      source: maybe(oneOf('archive', 'active', 'all')),
      start: whole(0),
      statusfilter: maybe(text),
      typefilter: maybe(text),
      until: whole(),
      userfilter: maybe(text),
      vmid: maybe(vmid),
    },
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      const node = values.node ?? ''
      const source = values.source ?? 'archive'
      const auditor = sim.access.may(caller, `/nodes/${node}`, ['Sys.Audit'])
      const all = [
        ...(source === 'archive' ? [] : sim.tasks.active(node)),
        ...(source === 'active' ? [] : sim.tasks.archive(node)),
      ]
      const seen = filtered(
        sim.faults.empty ? [] : all.filter((task) => auditor || mayReadTask(caller, task.user)),
        values,
      )
      const start = Number(values.start ?? 0)
      // Unlike for a log, a limit of 0 is the default here.
      const rows = seen.slice(start, start + (Number(values.limit) || 50))
      return new Listing(
        rows.map((task) =>
          task.status === undefined ? { ...taskRow(task), status: 'RUNNING' } : taskRow(task),
        ),
        seen.length,
      )
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/tasks/{upid}/status',
    allow: 'all',
    handle: (call) => {
      const task = taskOf(call, 'Sys.Audit')
      const { endtime, ...row } = taskRow(task)
      return {
        ...row,
        ...(endtime === undefined ? { status: 'running' } : { status: 'stopped', exitstatus: task.status }),
      }
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/tasks/{upid}/log',
    params: { download: flag, limit: whole(0), start: whole(0) },
    allow: 'all',
    handle: (call) => {
      const { log } = taskOf(call, 'Sys.Audit')
      const start = Number(call.values.start ?? 0)
      const limit = Number(call.values.limit ?? 50)
      // An empty log would confuse the list of the web interface: it gets a line that is not there.
      if (log.length === 0) return new Listing([{ n: 1, t: 'no content' }], 1)
      const rows = log
        .map((line, index) => ({ n: index + 1, t: line }))
        .slice(start, limit === 0 ? undefined : start + limit)
      return new Listing(rows, log.length)
    },
  },
  {
    verb: 'DELETE',
    path: '/nodes/{node}/tasks/{upid}',
    allow: 'all',
    handle: (call) => {
      const task = taskOf(call, 'Sys.Modify')
      call.sim.tasks.stop(task.upid)
      return null
    },
  },
]
