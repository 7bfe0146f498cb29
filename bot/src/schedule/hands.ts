/** Schedules in people's hands: looked at, begun now, paused and resumed. */
import {
  type Caller,
  type Clock,
  didYouMean,
  HomelabError,
  type RunView,
  type Schedule,
  type Schedules,
} from '@homelab/core'
import { type Last, later, type Memory } from './memory.ts'
import { noticeOf, standingCard, type Teller } from './tell.ts'
import type { Beginner, KnownJob } from './types.ts'

export const handKey = (id: string, due: string): string => `schedule:${id}:now:${due}`
export const handCommand = (id: string): string => `schedule run ${id}`

export interface HandsOptions {
  readonly jobs: () => readonly KnownJob[]
  readonly memory: Memory
  readonly beginner: Beginner
  readonly tell: Teller
  readonly clock: Clock
  /** What is being begun now. */
  readonly busy: Map<string, Promise<void>>
}

export function createHands({ jobs, memory, beginner, tell, clock, busy }: HandsOptions): Schedules {
  /** @throws HomelabError `not-found` */
  function find(id: string): KnownJob {
    const all = jobs()
    const found = all.find(({ job }) => job.id.toLowerCase() === id.toLowerCase())
    if (found !== undefined) return found
    const ids = all.map(({ job }) => job.id)
    throw new HomelabError('not-found', `There is no schedule "${id.slice(0, 60)}".${didYouMean(id, ids)}`, {
      hint: '`schedule list` shows them all.',
    })
  }

  /** @throws HomelabError `conflict` while it goes on */
  function refuseTwice({ job }: KnownJob): void {
    const { last } = memory.get(job.id)
    if (last?.state !== 'running') return
    throw new HomelabError('conflict', `${job.title} goes on already.`, {
      hint: `\`run show ${last.run}\` shows how far it is.`,
    })
  }

  async function begin({ job, operation }: KnownJob, caller: Caller): Promise<RunView> {
    const due = clock.now().toISOString()
    const { id: by, name, surface } = caller
    const beginning = { job, operation, caller, key: handKey(job.id, due), command: handCommand(job.id) }
    const { run } = await beginner.begin({ ...beginning, attended: true })
    const card = standingCard(memory.get(job.id).last)
    const kept = memory.change(job.id, {
      last: {
        ...{ due, at: due, state: 'running', run: run.id, by: { id: by, name, surface } },
        ...(card === undefined ? {} : { notice: card }),
      },
    })
    const notice = card ?? noticeOf(job.id, due)
    tell.follow({ ...beginning, notice, shown: card !== undefined }, run)
    await kept
    return run
  }

  function view({ job, rhythm, problem }: KnownJob): Schedule {
    const { id, title, cron, timezone, command } = job
    const { last, paused } = memory.get(id)
    const now = clock.now()
    const from = paused === undefined ? now.getTime() : Date.parse(paused.until ?? '')
    const next = Number.isNaN(from) ? undefined : rhythm?.next(new Date(Math.max(from, now.getTime())))
    return {
      id,
      title,
      operation: command.operation,
      cron,
      timezone,
      ...(next === undefined ? {} : { next: next.toISOString() }),
      ...(last === undefined ? {} : { last: seenByPeople(last) }),
      ...(paused === undefined ? {} : { paused }),
      ...(problem === undefined ? {} : { problem }),
    }
  }

  return {
    list: () => jobs().map(view),
    async plan(id, caller, signal) {
      const known = find(id)
      refuseTwice(known)
      return await beginner.plan(known, caller, signal)
    },
    async run(id, caller) {
      const known = find(id)
      await busy.get(known.job.id)
      refuseTwice(known)
      const work = begin(known, caller)
      const over = work.then(nothing, nothing).finally(() => busy.delete(known.job.id))
      // The clock waits for it, and then for its run.
      busy.set(known.job.id, over)
      return await work
    },
    async pause(id, { id: by, name }, until) {
      const known = find(id)
      const { title } = known.job
      const { trouble } = memory.get(known.job.id)
      if (trouble !== undefined) tell.gone(known.job.id, trouble, `${title}: paused by ${name}`)
      await memory.change(known.job.id, {
        trouble: undefined,
        paused: {
          by: { id: by, name },
          at: clock.now().toISOString(),
          ...(until === undefined ? {} : { until: until.toISOString() }),
        },
      })
      return view(known)
    },
    async resume(id) {
      const known = find(id)
      const { paused, seen } = memory.get(known.job.id)
      if (paused === undefined)
        throw new HomelabError('conflict', `${known.job.title} is not paused.`, {
          hint: '`schedule list` says when it comes next.',
        })
      const from = later(seen ?? paused.at, clock.now().toISOString())
      await memory.change(known.job.id, { paused: undefined, seen: from })
      return view(known)
    },
  }
}

function seenByPeople({
  by,
  notice: _,
  tries: __,
  standing: ___,
  ...last
}: Last): NonNullable<Schedule['last']> {
  return { ...last, ...(by === undefined ? {} : { by: by.name }) }
}

function nothing(): void {}
