/** Tells of Proxmox tasks that failed and that no run of ours has on its card. */
import { type Card, duration, type Guest, guestPlace, type Section, type ServiceRow } from '@homelab/core'
import type { Task } from '@homelab/core/proxmox'
import { z } from 'zod'
import type { Tell } from '../incidents/tell.ts'
import type { Finding } from '../incidents/types.ts'
import { aboutGuest } from './about.ts'
import { isFailed } from './things.ts'
import { describe, type WatchLog, type WatchOptions } from './types.ts'
import { clockTime } from './words.ts'

const Lately = z.object({ card: z.string(), at: z.number(), firstAt: z.number(), times: z.int() })

export const TasksState = z.object({
  /** Milliseconds: when the watch began for the first time. What failed before is old. */
  begin: z.number(),
  /** UPIDs that are done with, the oldest first. */
  told: z.array(z.string()),
  /** By node, type and id: what fails over and over has one card. */
  lately: z.record(z.string(), Lately),
})
export type TasksState = z.infer<typeof TasksState>

/** A node's list may come back after days, with all that failed in it. */
const OLD_MS = 7 * 86_400_000
/** The servers' clocks are not ours. */
const SKEW_MS = 300_000
/** What fails again within this time changes its card. */
const AGAIN_MS = 6 * 3_600_000
const KEPT = 500
const RUNS = 50
const LOG_LINES = 15
/** Logs that one look asks for. */
const LOGS = 3

/** Consoles that were closed end as failed, each time. */
const uninteresting = /proxy$|shell$/

export interface FailedTasks {
  look(
    tasks: readonly Task[],
    rows: readonly ServiceRow[],
    guests: readonly Guest[],
    busy: ReadonlySet<number>,
  ): Promise<void>
  state(): TasksState | undefined
}

interface Deps extends Pick<WatchOptions, 'proxmox' | 'runs' | 'clock'> {
  readonly tell: Tell
  readonly log: WatchLog
  /** Aborted when the watch ends. */
  readonly signal: AbortSignal
}

export function watchTasks(deps: Deps, before: TasksState | undefined): FailedTasks {
  const { runs, clock } = deps
  let state = before

  /** A run keeps the UPIDs of its tasks in its log, its result or its error. */
  async function ofARun({ upid }: Task): Promise<boolean> {
    for (const run of await runs.list({ limit: RUNS })) {
      if (JSON.stringify([run.input, run.result, run.error]).includes(upid)) return true
      if ((await runs.log(run.id, 1_000)).some(({ text }) => text.includes(upid))) return true
    }
    return false
  }

  return {
    state: () => state,
    async look(tasks, rows, guests, busy) {
      const now = clock.now()
      const failed = tasks.filter((task) => isFailed(task) && !uninteresting.test(task.type))
      if (state === undefined) {
        state = { begin: now.getTime(), told: failed.map(({ upid }) => upid), lately: {} }
        return
      }
      const { begin, lately } = state
      const told = new Set(state.told)
      const fresh: Task[] = []
      for (const task of failed.toReversed()) {
        if (told.has(task.upid)) continue
        const ended = (task.endTime ?? task.startTime) * 1000
        const old = ended < begin - SKEW_MS || ended < now.getTime() - OLD_MS
        const ours = !old && (await ofARun(task))
        // A run that is just sending it may not have noted whose it is: it is looked at again when the run is over.
        if (!old && !ours && busy.has(Number(task.id))) continue
        told.add(task.upid)
        if (!old && !ours) fresh.push(task)
      }
      const people = namesOf(rows, guests)
      const next = cardsFor(fresh, lately, now)
      for (const [index, told] of next.cards.entries()) {
        const log = told.tasks.length > 1 || index >= LOGS ? [] : await logOf(told.tasks)
        const card = cardOf(told, people, log, now)
        deps.tell(told.card, card, 'done', findingOf(told, card, people, rows))
      }
      state = { begin, told: [...told].slice(-KEPT), lately: next.lately }
    },
  }

  async function logOf([task]: readonly Task[]): Promise<readonly string[]> {
    if (task === undefined) return []
    return await deps.proxmox.tasks
      .log(task.upid, { limit: LOG_LINES, signal: deps.signal })
      .catch((error: unknown) => {
        deps.log.warn({ upid: task.upid, error: describe(error) }, 'the log of a failed task cannot be read')
        return []
      })
  }
}

interface Told {
  readonly card: string
  readonly tasks: readonly Task[]
  readonly times: number
  readonly firstAt: number
}

const cardId = ({ upid }: Task, kind: string): string =>
  `watch-${kind}-${upid
    .split(':')
    .slice(1, 5)
    .join('-')
    .replaceAll(/[^\w-]/g, '-')}`

/** One card for what fails again, and one for all else that failed since the last look. */
function cardsFor(
  fresh: readonly Task[],
  before: TasksState['lately'],
  now: Date,
): { readonly cards: readonly Told[]; readonly lately: TasksState['lately'] } {
  const at = now.getTime()
  const lately = Object.fromEntries(Object.entries(before).filter(([, last]) => at - last.at <= AGAIN_MS))
  const repeated = new Map<string, Told>()
  const first: Task[] = []
  for (const task of fresh) {
    const key = `${task.node}/${task.type}/${task.id}`
    const last = lately[key]
    const firstAt = last?.firstAt ?? (task.endTime ?? task.startTime) * 1000
    const entry = { card: last?.card ?? cardId(task, 'task'), at, firstAt, times: (last?.times ?? 0) + 1 }
    lately[key] = entry
    if (last === undefined) first.push(task)
    else repeated.set(key, { card: entry.card, tasks: [task], times: entry.times, firstAt })
  }
  // What failed twice since the last look is told as a repetition only.
  const once = first.filter((task) => !repeated.has(`${task.node}/${task.type}/${task.id}`))
  const [newest] = once.toReversed()
  if (newest === undefined) return { cards: [...repeated.values()], lately }
  const card = cardId(newest, once.length === 1 ? 'task' : 'tasks')
  return { cards: [{ card, tasks: once, times: 1, firstAt: at }, ...repeated.values()], lately }
}

interface People {
  readonly name: string
  readonly guest: Guest
}

function namesOf(rows: readonly ServiceRow[], guests: readonly Guest[]): ReadonlyMap<string, People> {
  const names = new Map(guests.map((guest) => [String(guest.vmid), { name: guest.name, guest }]))
  for (const { name, target } of rows)
    if (target !== undefined) names.set(String(target.guest.vmid), { name, guest: target.guest })
  return names
}

/** Nothing says when it is over. */
function findingOf(
  { card: key, tasks }: Told,
  card: Card,
  people: ReadonlyMap<string, People>,
  rows: readonly ServiceRow[],
): Omit<Finding, 'card'> {
  const [task, ...others] = tasks
  const guest = people.get(task?.id ?? '')?.guest
  const nodes = new Set(tasks.map(({ node }) => node))
  const [node] = nodes
  const where = nodes.size === 1 && node !== undefined ? { node } : {}
  return {
    key,
    state: 'firing',
    kind: 'task',
    severity: 'warning',
    title: card.title,
    ...(others.length === 0 && task?.exitStatus !== undefined ? { text: task.exitStatus } : {}),
    about: others.length === 0 && guest !== undefined ? aboutGuest(guest, rows) : where,
    once: true,
  }
}

const words: Readonly<Record<string, string>> = {
  vzdump: 'Backup',
  start: 'Start',
  stop: 'Stop',
  shutdown: 'Shutdown',
  reboot: 'Restart',
  migrate: 'Migration',
  snapshot: 'Snapshot',
  rollback: 'Rollback',
  restore: 'Restore',
  clone: 'Copy',
  create: 'Creation',
  destroy: 'Removal',
  resize: 'Resize',
}

/** `Backup of plex`; for a type that has no word of its own, `aptupdate on pve`. */
function nameOf(task: Task, people: ReadonlyMap<string, People>): string {
  const word = words[task.type] ?? words[task.type.replace(/^(vz|qm|ha)/, '')]
  const guest = people.get(task.id)?.name ?? task.id
  if (guest === '') return `${word ?? task.type} on ${task.node}`
  return `${word ?? task.type} of ${guest}`
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString()

function cardOf(told: Told, people: ReadonlyMap<string, People>, log: readonly string[], now: Date): Card {
  const [task, ...others] = told.tasks
  return task !== undefined && others.length === 0
    ? oneCard(task, told, people, log, now)
    : manyCard(told.tasks, people, now)
}

function oneCard(
  task: Task,
  { times, firstAt }: Told,
  people: ReadonlyMap<string, People>,
  log: readonly string[],
  now: Date,
): Card {
  const who = people.get(task.id)
  const took =
    task.endTime === undefined ? '' : `, it took ${duration((task.endTime - task.startTime) * 1000)}`
  const often =
    times === 1
      ? {}
      : { text: `It failed ${times} times since ${clockTime(new Date(firstAt).toISOString(), now)} UTC.` }
  const sections: Section[] = [
    {
      kind: 'fields',
      fields: [
        { name: 'Error', value: task.exitStatus ?? '' },
        { name: 'Began', value: `${clockTime(iso(task.startTime), now)} UTC${took}` },
        { name: 'Task', value: `${task.type} on ${task.node}` },
        ...(who === undefined ? [] : [{ name: 'Guest', value: guestPlace(who.guest) }]),
        { name: 'By', value: task.user },
      ],
    },
  ]
  if (log.length > 0)
    sections.push({ kind: 'code', title: 'Last lines of its log', text: log.join('\n'), keep: 'end' })
  return {
    title: `${nameOf(task, people)} failed`,
    tone: 'error',
    ...often,
    sections,
    buttons: [
      { label: 'Log', action: { kind: 'command', text: `task log ${task.upid}` } },
      ...(who === undefined
        ? []
        : who.guest.status === 'stopped' && !who.guest.template
          ? [
              {
                label: `Start ${who.name}`,
                action: { kind: 'command' as const, text: `start ${who.guest.vmid}` },
              },
            ]
          : [{ label: 'Status', action: { kind: 'command' as const, text: 'status' } }]),
    ],
    footer: task.upid,
  }
}

/** Rows of a table: more would be no card. */
const MOST = 30

function manyCard(tasks: readonly Task[], people: ReadonlyMap<string, People>, now: Date): Card {
  const newest = tasks.toReversed()
  return {
    title: `${tasks.length} tasks failed`,
    tone: 'error',
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'What' }, { name: 'Node' }, { name: 'Began, UTC' }, { name: 'Error' }],
        rows: newest
          .slice(0, MOST)
          .map((task) => [
            nameOf(task, people),
            task.node,
            clockTime(iso(task.startTime), now),
            { text: task.exitStatus ?? '', tone: 'error' },
          ]),
      },
    ],
    buttons: [
      ...newest.slice(0, 3).map((task) => ({
        label: `Log: ${nameOf(task, people)}`,
        action: { kind: 'command' as const, text: `task log ${task.upid}` },
      })),
      { label: 'All of them', action: { kind: 'command', text: 'task list failed:true' } },
    ],
    ...(tasks.length > MOST ? { footer: `… ${tasks.length - MOST} more` } : {}),
  }
}
