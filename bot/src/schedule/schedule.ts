/** Looks at the clock and begins what is due: each occurrence once, whatever the clock, the machine or the bot do. */
import { duration, errorData, HomelabError } from '@homelab/core'
import { callerOf, createBeginner } from './begin.ts'
import { createHands, handCommand, handKey } from './hands.ts'
import { createJobs, forOccurrence, jitterOf, ruleOf } from './jobs.ts'
import { type Last, later, openMemory } from './memory.ts'
import { createTeller, noticeOf, standing, standingCard } from './tell.ts'
import type { Beginning, KnownJob, Scheduler, SchedulerOptions } from './types.ts'

/** Between two looks at most: a clock that was set, or a machine that slept, is noticed within it. */
const LOOK_MS = 30_000
/** What begins later than this is late, and says so. */
const LATE_MS = 120_000
/** Before what cannot begin because nothing answers is tried again; twice as long each time. */
const RETRY_MS = 60_000
const RETRY_MOST_MS = 900_000

/** Of an occurrence's run: there is one, whoever begins it, and one for each time that it is tried again. */
const keyOf = (id: string, due: string, tries = 0): string =>
  tries === 0 ? `schedule:${id}:${due}` : `schedule:${id}:${due}:${tries}`
/** In the audit log. */
const commandOf = (id: string, due: string): string => `schedule ${id} ${due}`

type Due = Required<Pick<KnownJob, 'job' | 'operation' | 'rhythm'>>

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { registry, runs, facts, clock, log } = options
  const end = new AbortController()
  const memory = openMemory(facts, log)
  const jobs = createJobs(options.jobs, registry, clock, log)
  const beginner = createBeginner(options, end.signal)
  const tell = createTeller(options, memory, () => void look())
  /** Being begun now. */
  const busy = new Map<string, Promise<void>>()
  /** Due while the run before went on. */
  const held = new Set<string>()
  const retries = new Map<string, { readonly tries: number; readonly at: number }>()
  const nextAfter = new Map<string, { readonly of: string; readonly at: number }>()
  const moments = new Map<string, { readonly of: string; readonly at: number }>()
  let since: Date | undefined

  /** When the first one after `seen` is due; worked out once. */
  function firstAfter({ job, rhythm }: Due, seen: string): number {
    const of = `${ruleOf(job)} ${seen}`
    const known = nextAfter.get(job.id)
    if (known?.of === of) return known.at
    const at = rhythm.next(new Date(seen)).getTime()
    nextAfter.set(job.id, { of, at })
    return at
  }

  /** When an occurrence begins; worked out once. */
  function momentOf({ job, rhythm }: Due, occurrence: number): number {
    const of = keyOf(job.id, new Date(occurrence).toISOString())
    const known = moments.get(job.id)
    if (known?.of === of) return known.at
    const at = occurrence + jitterOf(job, of, rhythm, new Date(occurrence))
    moments.set(job.id, { of, at })
    return at
  }

  /** From where on occurrences count. Undefined while none does. */
  async function counted(due: Due, now: Date): Promise<string | undefined> {
    const { id } = due.job
    const rule = ruleOf(due.job)
    const { rule: before, seen, paused } = memory.get(id)
    if (before !== rule || seen === undefined) {
      await memory.change(id, { rule, seen: now.toISOString() })
      return undefined
    }
    // The clock was set back: what ran is known by its key, and the rest is due again.
    if (Date.parse(seen) > now.getTime()) await memory.change(id, { seen: now.toISOString() })
    if (paused === undefined) return memory.get(id).seen
    const { until } = paused
    if (until === undefined || Date.parse(until) > now.getTime()) return undefined
    await memory.change(id, { paused: undefined, seen: later(seen, until) })
    return memory.get(id).seen
  }

  async function consider(due: Due): Promise<void> {
    const { job, rhythm } = due
    const now = clock.now()
    const seen = await counted(due, now)
    if (seen === undefined) return
    if (firstAfter(due, seen) > now.getTime()) return await tryAgain(due, now)
    const occurrence = rhythm.newest(new Date(seen), now)
    if (occurrence === undefined) return
    const key = keyOf(job.id, occurrence.toISOString())
    const at = momentOf(due, occurrence.getTime())
    if (at > now.getTime()) return await tryAgain(due, now)
    const { last } = memory.get(job.id)
    if (last?.state === 'running') {
      held.add(job.id)
      return await takeUp(due)
    }
    const retry = retries.get(job.id)
    if (retry !== undefined && clock.monotonic() < retry.at) return

    const late = lateness(job.id, at, now)
    const done = {
      due: occurrence.toISOString(),
      at: now.toISOString(),
      ...(late === undefined ? {} : { late }),
    }
    if (late !== undefined && job.catchUp === 'skip') {
      log.warn({ schedule: job.id, late }, 'an occurrence is not caught up')
      forget(job.id)
      const over = { seen: done.due, trouble: undefined }
      return await memory.change(job.id, { ...over, last: { ...done, state: 'skipped' } })
    }
    await begin(due, done, key)
  }

  /** The occurrence whose run failed for something that passes, unless the next one has come. */
  async function tryAgain(due: Due, now: Date): Promise<void> {
    const { id } = due.job
    const { last } = memory.get(id)
    if (last?.state !== 'failed' || last.again === undefined || Date.parse(last.again) > now.getTime()) return
    const retry = retries.get(id)
    if (retry !== undefined && clock.monotonic() < retry.at) return
    const { due: of, tries = 1, late: before, notice } = last
    const late = before ?? `tried again ${duration(now.getTime() - Date.parse(last.at))} later`
    const done = { due: of, at: now.toISOString(), late, tries, ...(notice === undefined ? {} : { notice }) }
    await begin(due, done, keyOf(id, of, tries))
  }

  function forget(id: string): void {
    retries.delete(id)
    held.delete(id)
  }

  async function begin(
    { job: asked, operation }: Due,
    done: Omit<Last, 'state'>,
    key: string,
  ): Promise<void> {
    const job = forOccurrence(asked, done.due)
    const { last, trouble } = memory.get(job.id)
    const { late } = done
    const seen = memory.get(job.id).seen
    const over = { seen: seen === undefined ? done.due : later(seen, done.due), trouble: undefined }
    const beginning: Beginning = {
      job,
      operation,
      caller: callerOf(job),
      key,
      command: commandOf(job.id, done.due),
      attended: false,
      ...(late === undefined ? {} : { late }),
    }
    const card = trouble ?? done.notice ?? standingCard(last)
    const notice = card ?? noticeOf(job.id, done.due)
    let begun: Awaited<ReturnType<typeof beginner.begin>>
    try {
      begun = await beginner.begin(beginning)
    } catch (error) {
      if (end.signal.aborted) return
      const { code, message } = errorData(error)
      if (code === 'unreachable' || code === 'timeout') {
        const tries = (retries.get(job.id)?.tries ?? 0) + 1
        const wait = Math.min(RETRY_MOST_MS, RETRY_MS * 2 ** (tries - 1))
        retries.set(job.id, { tries, at: clock.monotonic() + wait })
        tell.waits(beginning, notice, error)
        return await memory.change(job.id, { trouble: notice })
      }
      forget(job.id)
      tell.refused(beginning, notice, error)
      return await memory.change(job.id, {
        ...over,
        last: { ...done, ...standing(job, notice), state: 'failed', error: message },
      })
    }
    forget(job.id)
    const { run, existing } = begun
    // The clock was set back: this one was seen to its end.
    if (existing && done.tries === undefined && last !== undefined && last.due >= done.due)
      return await memory.change(job.id, over)
    const shown = late !== undefined || card !== undefined
    const kept = memory.change(job.id, {
      ...over,
      last: { ...done, state: 'running', run: run.id, ...(shown ? { notice } : {}) },
    })
    tell.follow({ ...beginning, notice, shown: card !== undefined }, run)
    await kept
  }

  /** Undefined when it is in time. */
  function lateness(id: string, at: number, now: Date): string | undefined {
    const ms = now.getTime() - at
    if (ms <= LATE_MS) return undefined
    const why = held.has(id)
      ? 'the one before still went on'
      : retries.has(id)
        ? 'nothing answered'
        : since !== undefined && at < since.getTime()
          ? 'the bot was not there'
          : 'the machine slept, or its clock was set'
    return `${duration(Math.floor(ms / 60_000) * 60_000)} late: ${why}`
  }

  const dueJobs = (): readonly Due[] =>
    jobs().flatMap(({ job, operation, rhythm }) => (rhythm === undefined ? [] : [{ job, operation, rhythm }]))

  async function look(): Promise<void> {
    if (end.signal.aborted || since === undefined) return
    try {
      const all = dueJobs()
      for (const due of all) {
        const { id } = due.job
        if (busy.has(id)) continue
        const work = consider(due)
          .catch((error: unknown) => log.error({ err: error, schedule: id }, 'a schedule cannot be followed'))
          .finally(() => busy.delete(id))
        busy.set(id, work)
      }
      // One that comes back to the file is not late by the time that it was gone.
      const here = new Set(all.map(({ job }) => job.id))
      for (const id of memory.ids()) {
        const { seen, trouble, problem, last } = memory.get(id)
        if (here.has(id) || seen === undefined) continue
        const card = trouble ?? problem ?? standingCard(last)
        if (card !== undefined) tell.gone(id, card, `Not scheduled any more: ${id}`)
        const { standing: _, ...over } = last ?? {}
        await memory.change(id, {
          seen: undefined,
          trouble: undefined,
          ...(last === undefined ? {} : { last: over as Last }),
        })
      }
    } catch (error) {
      log.error({ err: error }, 'the schedules cannot be followed')
    }
    await Promise.all(busy.values())
  }

  /** Milliseconds until the next look. @throws HomelabError `config` */
  function untilNext(): number {
    const now = clock.now().getTime()
    const times = dueJobs().flatMap((due) => {
      const { seen, paused } = memory.get(due.job.id)
      if (seen === undefined || paused !== undefined) return []
      const first = firstAfter(due, seen)
      return [first, momentOf(due, first)]
    })
    return Math.min(LOOK_MS, ...times.filter((time) => time > now).map((time) => time - now))
  }

  async function loop(): Promise<void> {
    while (!end.signal.aborted) {
      void look()
      let ms = LOOK_MS
      try {
        ms = untilNext()
      } catch {
        // The look says what is wrong.
      }
      await clock.sleep(ms, end.signal).catch(() => {})
    }
  }

  /** Follows a run of before, also one that ended while nobody did. */
  async function takeUp({ job, operation }: Pick<KnownJob, 'job' | 'operation'>): Promise<void> {
    const { last } = memory.get(job.id)
    if (last?.state !== 'running') return
    const { due, late, by, notice = noticeOf(job.id, due) } = last
    const key = by === undefined ? keyOf(job.id, due, last.tries) : handKey(job.id, due)
    if (tell.follows(key)) return
    const run = last.run === undefined ? undefined : await runs.get(last.run)
    if (run === undefined)
      return await memory.change(job.id, {
        last: { ...last, state: 'failed', error: 'What became of the run is not kept.' },
      })
    tell.follow(
      {
        job,
        operation,
        caller: by === undefined ? callerOf(job) : { ...callerOf(job), ...by },
        key,
        command: by === undefined ? commandOf(job.id, due) : handCommand(job.id),
        notice,
        shown: last.notice !== undefined,
        ...(late === undefined ? {} : { late }),
      },
      run,
    )
  }

  return {
    ...createHands({ jobs, memory, beginner, tell, clock, busy }),
    start() {
      since = clock.now()
      const lost = (error: unknown) => log.error({ err: error }, 'the run of a schedule is not followed')
      const known = jobs().map((job) => takeUp(job).catch(lost))
      void Promise.all(known).then(loop)
    },
    look,
    async stop() {
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      await Promise.allSettled(busy.values())
      await tell.written()
    },
  }
}
