/** Runs an operation in this process, without a store: the CLI without a bot, n8n, and every read. */
import { errorData, HomelabError, isHomelabError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { isUnclear, lookFor, unclear } from './change.ts'
import type { Services } from './services.ts'
import type { ChangeSpec, Json, Operation, Progress, Verbs } from './types.ts'
import { type NotUndone, thrownWithNotUndone } from './undone.ts'

export interface InlineOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal
  readonly report?: (progress: Progress) => void
  readonly log?: (line: string) => void
  /** How long a change whose answer was lost may take to show. Default 10 s. */
  readonly settleMs?: number
}

/**
 * @param input as `parseCommand` or `validateInput` returned it
 * @throws what the operation throws, after its undos ran; with what could not be undone
 */
export async function runInline(
  operation: Operation,
  input: unknown,
  services: Partial<Services>,
  options: InlineOptions,
): Promise<Json> {
  const undos: { name: string; revert: () => Promise<void> }[] = []
  using told = cancelOf(options.signal)
  const verbs = inlineVerbs({ ...options, signal: told.signal }, undos)
  try {
    const result = await operation.run(input, services, verbs)
    return operation.output.parse(result) as Json
  } catch (error) {
    const left: NotUndone[] = []
    for (const { name, revert } of undos.reverse()) {
      try {
        await revert()
        options.log?.(`undone: ${name}`)
      } catch (failure) {
        const { message } = errorData(failure)
        options.log?.(`could not undo ${name}: ${message}`)
        left.push({ name, why: message })
      }
    }
    throw thrownWithNotUndone(error, left)
  }
}

/**
 * Whoever aborts, and with whatever reason: for the operation it is a cancel, so that what it started is stopped before
 * it is undone.
 */
function cancelOf(outer: AbortSignal | undefined): { readonly signal: AbortSignal } & Disposable {
  const inner = new AbortController()
  const abort = () => {
    const { reason } = outer ?? {}
    inner.abort(
      isHomelabError(reason) ? reason : new HomelabError('cancelled', 'Cancelled.', { cause: reason }),
    )
  }
  if (outer?.aborted === true) abort()
  outer?.addEventListener('abort', abort, { once: true })
  return { signal: inner.signal, [Symbol.dispose]: () => outer?.removeEventListener('abort', abort) }
}

function inlineVerbs(
  options: InlineOptions & { readonly signal: AbortSignal },
  undos: { name: string; revert: () => Promise<void> }[],
): Verbs {
  const { signal } = options
  const names = new Set<string>()
  const once = (name: string) => {
    signal.throwIfAborted()
    if (names.has(name)) throw new HomelabError('bug', `the step name "${name}" is used twice`)
    names.add(name)
  }
  const claimed = new Set<string>()
  return {
    signal,
    async step(name, work) {
      once(name)
      return await work()
    },
    async follow(name, watch) {
      once(name)
      return await watch(signal)
    },
    async change<T extends Json>(name: string, spec: ChangeSpec<T>): Promise<T> {
      once(name)
      const since = options.clock.now()
      const isClaimed = (result: T) => claimed.has(JSON.stringify(result))
      let result: T
      try {
        result = await spec.act()
      } catch (error) {
        if (!isUnclear(error)) throw error
        options.log?.(`the answer to "${name}" was lost; looking whether it was done`)
        const look = await lookFor({
          spec,
          since,
          claimed: isClaimed,
          clock: options.clock,
          settleMs: options.settleMs ?? 10_000,
          signal,
        }).catch((failure: unknown) => {
          throw unclear(name, failure)
        })
        if (look.found === undefined) throw unclear(name, error)
        result = look.found
      }
      claimed.add(JSON.stringify(result))
      return result
    },
    undo(name, revert) {
      undos.push({ name, revert })
    },
    report: (progress) => options.report?.(progress),
    log: (line) => options.log?.(line),
  }
}
