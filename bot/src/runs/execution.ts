/** One run at work in this process: its body, and when that fails or is stopped, its undos. */
import {
  type Clock,
  type ErrorData,
  errorData,
  fromErrorData,
  HomelabError,
  type Json,
  type NotUndone,
  type Progress,
  withNotUndone,
} from '@homelab/core'
import type { Database } from './database.ts'
import { cancelledBy, deadlinePassed, Interrupted } from './errors.ts'
import { isClaimed, type Journal, openJournal } from './journal.ts'
import { callerOf, type RunRow } from './rows.ts'
import type { Execute, Probe, Timing } from './types.ts'
import { durableVerbs, type Undo } from './verbs.ts'

export interface ExecutionContext {
  readonly db: Database
  readonly clock: Clock
  readonly timing: Timing
  readonly execute: Execute
  readonly probe: Probe
  /** Aborted, with Interrupted, when the bot shuts down. */
  readonly closing: AbortSignal
  /** The run's own: aborted here at the deadline, by the caller on cancel and on shutdown. */
  readonly stop: AbortController
  readonly row: () => RunRow
  /** Whether an earlier process began it. */
  readonly resumed: boolean
  readonly maxDeaths: number
  /** Runs one write, however long the disk stays full. @throws Interrupted when it cannot be done at all */
  readonly save: (work: () => void) => Promise<void>
  /** The run has failed: from here on it is only undone. */
  readonly failing: (error: ErrorData) => Promise<void>
  readonly log: (line: string) => void
  readonly report: (progress: Progress) => void
  readonly onBug: (error: unknown) => void
}

export type Outcome =
  | { readonly state: 'succeeded'; readonly result: Json }
  | { readonly state: 'failed' | 'cancelled'; readonly error: ErrorData }
  | { readonly state: 'interrupted' }

export async function executeRun(context: ExecutionContext): Promise<Outcome> {
  const { stop, clock } = context
  const row = context.row()
  const failedBefore = earlierFailure(row, context.maxDeaths)
  if (failedBefore && row.deaths >= 2 * context.maxDeaths) return { state: 'failed', error: failedBefore }
  if (failedBefore) stop.abort(fromErrorData(failedBefore))
  else if (row.cancelled_by !== null) stop.abort(cancelledBy(row.cancelled_by))
  const over = new AbortController()
  void abortAtDeadline(row.deadline_at, clock, over.signal, stop)

  const journal = openJournal(context.db, row.id, context.save, () => clock.now())
  const durable = durableVerbs({
    journal,
    clock,
    timing: context.timing,
    signal: stop.signal,
    closing: context.closing,
    isClaimed: (result) => isClaimed(context.db, result),
    log: context.log,
    report: context.report,
    probe: (point, name) => context.probe(point, row.id, name),
    resumed: context.resumed,
  })
  try {
    const ended = await endOfBody(context, row, durable.verbs)
    // Siblings of what failed hear of it; their changes are saved before anything is undone.
    if ('error' in ended) stop.abort(ended.error)
    over.abort()
    await durable.end()
    context.closing.throwIfAborted()
    if (isInterrupted(stop.signal)) return { state: 'interrupted' }
    if ('result' in ended && !durable.stopped()) return { state: 'succeeded', result: ended.result }
    const error = failedBefore ?? whyItEnded(stop.signal, 'error' in ended ? ended.error : undefined)
    if (!failedBefore && durable.undos.length > 0) await context.failing(error)
    durable.undoing()
    const left = await undoAll(durable.undos, journal, row.id, context)
    return {
      state: error.code === 'cancelled' && context.row().cancelled_by !== null ? 'cancelled' : 'failed',
      error: withNotUndone(error, left),
    }
  } catch (error) {
    if (error instanceof Interrupted) return { state: 'interrupted' }
    throw error
  } finally {
    over.abort()
  }
}

async function endOfBody(
  context: ExecutionContext,
  row: RunRow,
  verbs: Parameters<Execute>[1],
): Promise<{ result: Json } | { error: unknown }> {
  try {
    const { operation } = row
    const input = JSON.parse(row.input) as Json
    return { result: await context.execute({ operation, input, caller: callerOf(row) }, verbs) }
  } catch (error) {
    if (!(error instanceof HomelabError) && !(error instanceof Interrupted)) context.onBug(error)
    return { error }
  }
}

function earlierFailure(row: RunRow, maxDeaths: number): ErrorData | undefined {
  if (row.error !== null) return JSON.parse(row.error) as ErrorData
  if (row.deaths < maxDeaths) return undefined
  return {
    code: 'bug',
    message: `The bot died ${row.deaths} times in the same step of this run, so the run was given up.`,
    hint: 'Look at the last lines of its log, and at what the step has done so far.',
  }
}

const isInterrupted = (signal: AbortSignal) => signal.aborted && signal.reason instanceof Interrupted

/** A stop counts as the reason of whatever the operation threw after it. */
function whyItEnded(signal: AbortSignal, thrown: unknown): ErrorData {
  const reason = errorData(signal.aborted ? signal.reason : thrown)
  const lost = thrown instanceof HomelabError && thrown.code === 'unclear' && reason.code !== 'unclear'
  return lost ? { ...reason, hint: thrown.message } : reason
}

/**
 * Each may run again after a crash; one that fails does not keep the others from running.
 * @returns those that failed, before a crash too
 */
async function undoAll(
  undos: readonly Undo[],
  journal: Journal,
  run: string,
  context: ExecutionContext,
): Promise<readonly NotUndone[]> {
  const left: NotUndone[] = []
  for (const { name, revert } of undos.toReversed()) {
    const entry = `undo ${name}`
    const before = journal.get(entry)
    if (before?.state === 'failed') left.push({ name, why: before.error.message })
    if (before) continue
    context.closing.throwIfAborted()
    context.probe('undo.before', run, name)
    try {
      await within(revert, context)
      context.probe('undo.after', run, name)
      context.log(`undone: ${name}`)
      await journal.done(entry, 'null')
    } catch (error) {
      context.closing.throwIfAborted()
      if (error instanceof Interrupted) throw error
      const data = errorData(error)
      context.log(`could not undo ${name}: ${data.message}`)
      await journal.failed(entry, data)
      left.push({ name, why: data.message })
    }
    context.probe('undo.saved', run, name)
  }
  return left
}

/** A revert that hangs must not hold the run's locks for ever. */
async function within(revert: () => Promise<void>, context: ExecutionContext): Promise<void> {
  const over = new AbortController()
  const limit = context.timing.undoMs
  const late = context.clock
    .sleep(limit, AbortSignal.any([over.signal, context.closing]))
    .then(() => Promise.reject(new HomelabError('timeout', `It was not done after ${limit} ms.`)))
  try {
    await Promise.race([revert(), late])
  } finally {
    over.abort()
  }
}

async function abortAtDeadline(
  deadline: string | null,
  clock: Clock,
  over: AbortSignal,
  stop: AbortController,
): Promise<void> {
  if (deadline === null) return
  if (await until(new Date(deadline), clock, over)) stop.abort(deadlinePassed())
}

/** Timers hold at most 24.8 days, and the wall clock may be set. False when the signal was aborted first. */
export async function until(time: Date, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    for (;;) {
      const left = time.getTime() - clock.now().getTime()
      if (left <= 0) return !signal.aborted
      await clock.sleep(Math.min(left, 3_600_000), signal)
    }
  } catch {
    return false
  }
}
