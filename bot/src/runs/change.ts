/** A change at most once: intent saved, sent once, and after a crash or a lost answer looked for, never guessed. */
import {
  type ChangeSpec,
  type Clock,
  errorData,
  fromErrorData,
  isHomelabError,
  isUnclear,
  type Json,
  lookFor,
  unclear,
} from '@homelab/core'
import { Interrupted } from './errors.ts'
import type { Journal } from './journal.ts'
import { digest, packJson } from './json.ts'
import type { Point, Timing } from './types.ts'

export interface ChangeContext {
  readonly journal: Journal
  readonly clock: Clock
  readonly timing: Timing
  /** The run's own: aborted on cancel, at the deadline and on shutdown. */
  readonly signal: AbortSignal
  /** Aborted on shutdown only: a cancelled run still finds out what became of its change. */
  readonly closing: AbortSignal
  readonly isClaimed: (result: unknown) => boolean
  readonly log: (line: string) => void
  readonly probe: (point: Point, name: string) => void
  /** Throws the signal's reason when nothing new may begin. */
  readonly refuse: () => void
}

export async function runChange<T extends Json>(
  name: string,
  spec: ChangeSpec<T>,
  context: ChangeContext,
): Promise<T> {
  const before = context.journal.get(name)
  if (before?.state === 'begun' || before?.state === 'doubtful') {
    context.log(`"${name}" was begun before a restart; looking whether it was done`)
    const found = await lookAfterCrash(name, spec, before.at, context)
    if (found !== undefined) return await keep(name, found, context)
    if (before.state === 'doubtful') {
      return await fail(name, unclear(name, fromErrorData(before.error)), context)
    }
  }
  context.refuse()
  const since = context.clock.now()
  context.probe('intent.before', name)
  await context.journal.begun(name, since)
  context.probe('intent.saved', name)
  context.refuse()
  let result: T
  try {
    result = await spec.act()
  } catch (error) {
    context.closing.throwIfAborted()
    if (!mayHaveHappened(error, context.signal)) return await fail(name, error, context)
    return await afterLostAnswer(name, spec, since, error, context)
  }
  context.probe('act.after', name)
  return await keep(name, result, context)
}

/** An act that was told to stop half-way may have arrived just the same. */
function mayHaveHappened(error: unknown, signal: AbortSignal): boolean {
  if (isUnclear(error)) return true
  if (!signal.aborted) return false
  if (error === signal.reason) return true
  return isHomelabError(error)
    ? error.code === 'cancelled'
    : error instanceof Error && error.name === 'AbortError'
}

async function afterLostAnswer<T extends Json>(
  name: string,
  spec: ChangeSpec<T>,
  since: Date,
  error: unknown,
  context: ChangeContext,
): Promise<T> {
  // A crash from here on must not send it again.
  await context.journal.doubtful(name, since, errorData(error))
  context.log(`the answer to "${name}" was lost; looking whether it was done`)
  let found: T | undefined
  try {
    found = (await look(spec, since, context.timing.unclearMs, context)).found
  } catch {
    context.closing.throwIfAborted()
  }
  if (found === undefined) return await fail(name, unclear(name, error), context)
  return await keep(name, found, context)
}

/** Resolves with undefined only when the peer answered and showed nothing for the whole settling time. */
async function lookAfterCrash<T extends Json>(
  name: string,
  spec: ChangeSpec<T>,
  since: Date,
  context: ChangeContext,
): Promise<T | undefined> {
  const end = context.clock.monotonic() + context.timing.patienceMs
  for (;;) {
    try {
      return (await look(spec, since, context.timing.settleMs, context)).found
    } catch (error) {
      context.closing.throwIfAborted()
      const over = context.signal.aborted || context.clock.monotonic() >= end
      if (over || !isPassing(error)) return await fail(name, unclear(name, error), context)
    }
  }
}

const isPassing = (error: unknown): boolean =>
  isHomelabError(error) && ['unreachable', 'timeout', 'unclear'].includes(error.code)

function look<T extends Json>(spec: ChangeSpec<T>, since: Date, settleMs: number, context: ChangeContext) {
  const asked = new Set<string>()
  const claimed = (result: T) => {
    asked.add(digest(result))
    return context.isClaimed(result)
  }
  return lookFor<T>({
    // Another run may claim a result between the look's question and its answer.
    spec: {
      act: spec.act,
      async find(question) {
        const found = await spec.find(question)
        return found !== undefined && asked.has(digest(found)) && context.isClaimed(found) ? undefined : found
      },
    },
    since,
    claimed,
    clock: context.clock,
    settleMs,
    signal: context.closing,
  })
}

async function keep<T extends Json>(name: string, result: T, context: ChangeContext): Promise<T> {
  let text: string
  try {
    text = packJson(result, `The result of "${name}"`)
  } catch (error) {
    return await fail(name, error, context)
  }
  await context.journal.done(name, text, true)
  context.probe('change.saved', name)
  return JSON.parse(text) as T
}

async function fail(name: string, error: unknown, context: ChangeContext): Promise<never> {
  if (error instanceof Interrupted) throw error
  const data = errorData(error)
  await context.journal.failed(name, data)
  throw fromErrorData(data)
}
