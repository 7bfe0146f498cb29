import type { Caller } from '../access.ts'
import type { TaskRecord } from '../tasks.ts'

/** A token sees the tasks of that token, a user also those of all its tokens. */
export const mayReadTask = (caller: Caller, owner: string): boolean =>
  owner === caller.id || owner.split('!')[0] === caller.id

/** Of a token's task, user and token are told apart. */
export function taskRow(task: TaskRecord): Record<string, unknown> {
  const [user, tokenid] = task.user.split('!')
  return {
    upid: task.upid,
    node: task.node,
    pid: task.pid,
    pstart: task.pstart,
    starttime: task.starttime,
    type: task.type,
    id: task.id,
    user,
    ...(tokenid && { tokenid }),
    ...(task.endtime !== undefined && { endtime: task.endtime, status: task.status }),
  }
}
