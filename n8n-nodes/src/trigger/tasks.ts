import type { Task } from '@homelab/core/proxmox'
import type { Found, NodeTasks, TaskMemory, TriggerEvent } from './types.ts'

/** Seconds: a node's list may show a task a little after one that ended later. */
const LATE = 300
/** UPIDs of one node that are remembered, the newest first, and tasks that one look tells of. */
const MOST = 500

interface Ended extends Task {
  readonly endTime: number
  readonly exitStatus: string
}

const hasEnded = (task: Task): task is Ended => task.endTime !== undefined && task.exitStatus !== undefined

/**
 * Tasks that ended since the last look, each once, the oldest first.
 * @param before absent at the first look, which only learns
 * @param now seconds since the epoch, our clock
 */
export function endedTasks(
  tasks: readonly Task[],
  before: TaskMemory | undefined,
  now: number,
): Found<TaskMemory> {
  const began = before?.began ?? now
  const nodes: Record<string, NodeTasks> = { ...before?.nodes }
  const events: TriggerEvent[] = []
  for (const [node, list] of Map.groupBy(tasks.filter(hasEnded), (task) => task.node)) {
    const last = before?.nodes[node]
    // A node that comes back after a while has tasks of before it went: those are old.
    const from = last === undefined ? began : last.at - LATE
    const fresh = list.filter(({ upid, endTime }) => endTime > from && last?.seen.includes(upid) !== true)
    if (before !== undefined) events.push(...fresh.map(taskEvent))
    nodes[node] = noted(list, last)
  }
  events.sort((a, b) => String(a.endTime).localeCompare(String(b.endTime)))
  return { memory: { began, nodes }, events: events.slice(-MOST) }
}

function noted(list: readonly Ended[], last: NodeTasks | undefined): NodeTasks {
  const at = Math.max(last?.at ?? 0, ...list.map(({ endTime }) => endTime))
  const recent = list
    .filter(({ endTime }) => endTime > at - LATE)
    .toSorted((a, b) => b.endTime - a.endTime)
    .map(({ upid }) => upid)
  // Those of before as well: the cluster's list forgets them, and the node's own may bring them again.
  return { at, seen: [...new Set([...recent, ...(last?.seen ?? [])])].slice(0, MOST) }
}

/**
 * Nodes of which the cluster's list may not show everything that ended: it has the newest few of each, and all of them
 * are new. Their own list has the rest.
 */
export function nodesWithGaps(tasks: readonly Task[], before: TaskMemory | undefined): readonly string[] {
  if (before === undefined) return []
  const gaps: string[] = []
  for (const [node, list] of Map.groupBy(tasks.filter(hasEnded), (task) => task.node)) {
    const last = before.nodes[node]
    if (last === undefined) continue
    if (list.every(({ upid, endTime }) => endTime > last.at && !last.seen.includes(upid))) gaps.push(node)
  }
  return gaps
}

type Outcome = 'ok' | 'warnings' | 'failed'

const outcomeOf = (exitStatus: string): Outcome =>
  exitStatus === 'OK' ? 'ok' : exitStatus.startsWith('WARNINGS') ? 'warnings' : 'failed'

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString()

export function taskEvent(task: Ended): TriggerEvent {
  const { upid, node, type, id, user, startTime, endTime, exitStatus } = task
  const outcome = outcomeOf(exitStatus)
  return {
    event: outcome === 'failed' ? 'taskFailed' : 'taskFinished',
    upid,
    node,
    type,
    id,
    ...(/^[1-9]\d{2,8}$/.test(id) ? { vmid: Number(id) } : {}),
    user,
    outcome,
    exitStatus,
    startTime: iso(startTime),
    endTime: iso(endTime),
    seconds: Math.max(0, endTime - startTime),
  }
}

/** The newest that ended, as an example in the editor. */
export const newestEnded = (tasks: readonly Task[], failed: boolean): TriggerEvent | undefined =>
  tasks
    .filter(hasEnded)
    .filter(({ exitStatus }) => (outcomeOf(exitStatus) === 'failed') === failed)
    .toSorted((a, b) => b.endTime - a.endTime)
    .slice(0, 1)
    .map(taskEvent)[0]
