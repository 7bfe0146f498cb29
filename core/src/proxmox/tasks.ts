import type { z } from 'zod'
import { HomelabError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Client, ClientLog, ReadOptions } from './client.ts'
import { nodeOf } from './moved.ts'
import { at } from './path.ts'
import { LogLine, read, TaskRow, TaskStatus } from './schemas.ts'
import type { GuestRef, Task, TaskFilter, Tasks, Upid } from './types.ts'
import { parseUpid, tryParseUpid } from './upid.ts'
import { createWait } from './wait.ts'

/** A task and what the server's clock adds to ours, from the same answer. */
export interface TaskLook {
  readonly task: Task
  readonly clockOffset: number
}

export interface TaskReader {
  look(upid: Upid, options?: ReadOptions): Promise<TaskLook>
  /** Lines from `start` on (0 is the first), without the fake line of an empty log. */
  lines(upid: Upid, start: number, options?: ReadOptions): Promise<readonly string[]>
  stop(upid: Upid): Promise<void>
}

const pathOf = (upid: Upid): string => at`/nodes/${upid.node}/tasks/${upid.text}`

// The server's `user` and `tokenid` are split, so the UPID's own is used.
const facts = ({ text, node, type, id, user, startTime }: Upid) => ({
  upid: text,
  node,
  type,
  id,
  user,
  startTime,
})

function createReader(client: Client): TaskReader {
  return {
    async look(upid, options) {
      const path = `${pathOf(upid)}/status`
      const { data, clockOffset } = await client.get(path, options)
      const { status, exitstatus } = read(TaskStatus, data, path)
      const ended = status === 'stopped' ? { exitStatus: exitstatus ?? 'unexpected status' } : {}
      return { task: { ...facts(upid), ...ended }, clockOffset }
    },
    async lines(upid, start, options) {
      const path = `${pathOf(upid)}/log`
      const { data } = await client.get(path, { ...options, query: { start, limit: 0 } })
      const lines = read(LogLine.array(), data, path)
      const [only] = lines
      if (lines.length === 1 && only?.n === 1 && only.t === 'no content') return []
      return lines.map((line) => line.t)
    },
    async stop(upid) {
      await client.send('DELETE', pathOf(upid))
    },
  }
}

function toTask(row: z.infer<typeof TaskRow>): Task[] {
  const upid = tryParseUpid(row.upid)
  if (upid === undefined) return []
  const { endtime, status } = row
  // Of a running task the node's list says RUNNING and the cluster's list nothing.
  const ended = status !== undefined && status !== 'RUNNING'
  return [
    {
      ...facts(upid),
      ...(endtime === undefined ? {} : { endTime: endtime }),
      ...(ended ? { exitStatus: status } : {}),
    },
  ]
}

/** Rows whose UPID does not parse are of no use to anybody and left out. */
const toTasks = (data: unknown, path: string): Task[] => read(TaskRow.array(), data, path).flatMap(toTask)

const failed = ({ exitStatus }: Task): boolean =>
  exitStatus !== undefined && exitStatus !== 'OK' && !exitStatus.startsWith('WARNINGS')

const newestFirst = (a: Task, b: Task): number => b.startTime - a.startTime

export function createTasks(client: Client, clock: Clock, log: ClientLog): Tasks {
  const reader = createReader(client)

  async function list(filter: TaskFilter, signal?: AbortSignal): Promise<readonly Task[]> {
    const { node, vmid, type, since, errors, active, limit = 50 } = filter
    const path = node === undefined ? '/cluster/tasks' : at`/nodes/${node}/tasks`
    // The cluster's list takes no parameters, and a node's `active` holds tasks that have just ended.
    const query =
      node === undefined
        ? {}
        : {
            source: active ? 'active' : 'all',
            vmid,
            typefilter: type,
            since,
            errors: errors || undefined,
            limit,
          }
    const { data } = await client.get(path, { query, signal })
    return toTasks(data, path)
      .filter((task) => vmid === undefined || task.id === String(vmid))
      .filter((task) => type === undefined || task.type === type)
      .filter((task) => since === undefined || task.startTime >= since)
      .filter((task) => !errors || failed(task))
      .filter((task) => !active || task.exitStatus === undefined)
      .sort(newestFirst)
      .slice(0, limit)
  }

  async function latest(
    guest: GuestRef,
    type: string,
    since: Date,
    claimed: (upid: string) => boolean = () => false,
  ): Promise<string | undefined> {
    const found = await latestOn(guest.node, guest, type, since, claimed)
    if (found !== undefined) return found
    // What was sent after the guest had moved is a task of its new node.
    const now = await nodeOf(client, { vmid: guest.vmid })
    return now === undefined || now === guest.node ? undefined : latestOn(now, guest, type, since, claimed)
  }

  async function latestOn(
    node: string,
    guest: GuestRef,
    type: string,
    since: Date,
    claimed: (upid: string) => boolean,
  ): Promise<string | undefined> {
    const path = at`/nodes/${node}/tasks`
    // Without `since`: the offset comes with this answer, and an older one may be of before a clock was set.
    const query = { source: 'all', vmid: guest.vmid, typefilter: type }
    const { data, clockOffset } = await client.get(path, { query })
    // Start times are whole seconds, rounded down.
    const earliest = (since.getTime() + clockOffset) / 1000 - 1
    return toTasks(data, path)
      .filter(
        (task) => task.type === type && task.id === String(guest.vmid) && task.user === client.auth.user,
      )
      .filter((task) => task.startTime >= earliest && !claimed(task.upid))
      .sort(newestFirst)[0]?.upid
  }

  return {
    async status(upid, signal) {
      return (await reader.look(parseUpid(upid), { signal })).task
    },
    list,
    async log(upid, options = {}) {
      const { limit, signal } = options
      if (limit !== undefined && limit < 1) throw new HomelabError('usage', 'limit must be at least 1')
      const lines = await reader.lines(parseUpid(upid), 0, { signal })
      return limit === undefined ? lines : lines.slice(-limit)
    },
    wait: createWait(reader, clock, log),
    async stop(upid) {
      await reader.stop(parseUpid(upid))
    },
    latest,
  }
}
