/** The verbs of one run, kept in its journal: a replay passes what is done and goes on behind it. */
import {
  type ChangeSpec,
  type Clock,
  errorData,
  fromErrorData,
  HomelabError,
  type Json,
  type Progress,
  type Verbs,
} from '@homelab/core'
import { runChange } from './change.ts'
import type { Journal } from './journal.ts'
import { packJson } from './json.ts'
import type { Point, Timing } from './types.ts'

export interface VerbsContext {
  readonly journal: Journal
  readonly clock: Clock
  readonly timing: Timing
  readonly signal: AbortSignal
  readonly closing: AbortSignal
  readonly isClaimed: (result: unknown) => boolean
  readonly log: (line: string) => void
  readonly report: (progress: Progress) => void
  readonly probe: (point: Point, name: string) => void
  /** Whether this run was begun by an earlier process. */
  readonly resumed: boolean
}

export interface Undo {
  readonly name: string
  readonly revert: () => Promise<void>
}

export interface DurableVerbs {
  readonly verbs: Verbs
  readonly undos: readonly Undo[]
  /** Whether the run was told to stop and a verb passed that on, whatever the operation made of it. */
  stopped(): boolean
  /** From here on only undos run, and what they log is said. */
  undoing(): void
  /** Refuses further verbs and waits for those at work: `Promise.all` leaves siblings behind. */
  end(): Promise<void>
}

export function durableVerbs(context: VerbsContext): DurableVerbs {
  const { journal, signal } = context
  const names = new Set<string>()
  const undos: Undo[] = []
  const atWork = new Set<Promise<unknown>>()
  let ended = false
  let stopped = false
  let undoing = false
  // What the operation says on the way to where it was has been said before.
  let replaying = context.resumed

  const refuse = () => {
    if (!signal.aborted) return
    stopped = true
    throw signal.reason
  }

  const kept = (name: string): { value: Json } | undefined => {
    if (ended) throw new HomelabError('bug', `"${name}" was called after its run had ended.`)
    if (names.has(name)) throw new HomelabError('bug', `The step name "${name}" is used twice.`)
    names.add(name)
    const entry = journal.get(name)
    if (entry?.state === 'failed') throw fromErrorData(entry.error)
    if (entry?.state === 'done') return { value: entry.value }
    replaying = false
    return undefined
  }

  const track = <T>(work: Promise<T>): Promise<T> => {
    atWork.add(work)
    const forget = () => atWork.delete(work)
    work.then(forget, forget)
    return work
  }

  const once = async <T extends Json>(name: string, work: () => Promise<T>): Promise<T> => {
    const before = kept(name)
    if (before) return before.value as T
    refuse()
    context.probe('step.before', name)
    let text: string
    try {
      const result = await stoppable(work, signal, context.clock, context.timing.graceMs)
      text = packJson(result, `The result of "${name}"`)
    } catch (error) {
      refuse()
      const data = errorData(error)
      await journal.failed(name, data)
      throw fromErrorData(data)
    }
    await journal.done(name, text)
    context.probe('step.saved', name)
    return JSON.parse(text) as T
  }

  const change = async <T extends Json>(name: string, spec: ChangeSpec<T>): Promise<T> => {
    const before = kept(name)
    if (before) return before.value as T
    return await runChange(name, spec, { ...context, refuse })
  }

  const verbs: Verbs = {
    signal,
    step: (name, work) => track(once(name, work)),
    follow: (name, watch) => track(once(name, () => watch(signal))),
    change: (name, spec) => track(change(name, spec)),
    undo(name, revert) {
      if (ended) throw new HomelabError('bug', `The undo "${name}" was registered after its run had ended.`)
      if (undos.some((undo) => undo.name === name)) {
        throw new HomelabError('bug', `The undo name "${name}" is used twice.`)
      }
      undos.push({ name, revert })
    },
    report(progress) {
      if (!ended && !replaying) context.report(progress)
    },
    log(line) {
      if (undoing || (!ended && !replaying)) context.log(line)
    },
  }
  return {
    verbs,
    undos,
    stopped: () => stopped,
    undoing() {
      undoing = true
    },
    async end() {
      ended = true
      await Promise.allSettled(atWork)
    },
  }
}

/** Waits for the work; when it is told to stop and does not, leaves it behind after a time of grace. */
async function stoppable<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  clock: Clock,
  graceMs: number,
): Promise<T> {
  const over = new AbortController()
  const left = new Promise<never>((_resolve, reject) => {
    const leave = () =>
      clock.sleep(graceMs, over.signal).then(
        () => reject(signal.reason),
        () => {},
      )
    signal.addEventListener('abort', () => void leave(), { once: true, signal: over.signal })
  })
  try {
    return await Promise.race([work(), left])
  } finally {
    over.abort()
  }
}
