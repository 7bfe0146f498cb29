/**
 * Runs one operation inside a node. Core's own inline runner does the work; besides, what goes on without us may be left
 * after a while, and found again by a journal of what was done until then.
 */
import {
  type ChangeSpec,
  type Clock,
  HomelabError,
  type Json,
  type Operation,
  type Progress,
  runInline,
  type Services,
  type Verbs,
} from '@homelab/core'

/** Results of steps and changes by their names: what a later call takes as done. Never holds a secret. */
export type Journal = Readonly<Record<string, Json>>

export interface RunOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Milliseconds after which what is followed is left; 0: at once. Without it, it is followed to its end. */
  readonly limitMs?: number
  /** Of an earlier call that left: nothing that changes anything is begun again. */
  readonly journal?: Journal
  /** What becomes of a task or a job when the execution is cancelled: it is ended with it, or goes on. */
  readonly onCancel: 'end' | 'leave'
  /** Ends what is followed instead: with a journal, a job of an earlier call. */
  readonly end?: boolean
  readonly log?: (line: string) => void
  /** Instead of the parse of the operation's own output schema. */
  readonly output?: ((value: Json) => Json) | undefined
}

export type Ran =
  | { readonly state: 'done'; readonly output: Json }
  /** Left; `changes` are the results of what was begun, such as a UPID. */
  | {
      readonly state: 'running'
      readonly journal: Journal
      readonly changes: readonly Json[]
      readonly progress?: Progress
    }

/** What goes on without us was left: whatever throws it, the run ends as `running`. */
export class Left extends Error {}

/** @throws what the operation throws; after a change that was left nothing is undone */
export async function runOperation(
  operation: Operation,
  input: unknown,
  services: Partial<Services>,
  options: RunOptions,
): Promise<Ran> {
  const began = options.clock.monotonic()
  const done: Record<string, Json> = { ...options.journal }
  const changes: Json[] = []
  let progress: Progress | undefined
  let left = false

  const recording = (verbs: Verbs): Verbs => ({
    ...verbs,
    signal: options.onCancel === 'leave' ? options.signal : verbs.signal,
    async step(name, work) {
      const key = `step ${name}`
      if (!(key in done)) done[key] = await verbs.step(name, work)
      return done[key] as Awaited<ReturnType<typeof work>>
    },
    async change<T extends Json>(name: string, spec: ChangeSpec<T>): Promise<T> {
      const key = `change ${name}`
      if (!(key in done)) {
        if (options.journal !== undefined)
          throw new HomelabError('bug', `"${name}" would be begun by a look at what is there`)
        done[key] = await verbs.change(name, spec)
      }
      changes.push(done[key] as T)
      return done[key] as T
    },
    async follow<T extends Json>(name: string, watch: (signal: AbortSignal) => Promise<T>): Promise<T> {
      return await verbs.follow(name, async (signal) => {
        if (options.end === true)
          return await watch(AbortSignal.abort(new HomelabError('cancelled', 'It was cancelled.')))
        const ends = options.onCancel === 'leave' ? options.signal : signal
        // Before its first change there is nothing that would go on.
        if (options.limitMs === undefined || changes.length === 0) return await watch(ends)
        const rest = options.limitMs - (options.clock.monotonic() - began)
        // Who comes back looks once, however little time there is.
        const late = lateness(options.journal === undefined ? rest : Math.max(rest, 1))
        try {
          return await watch(AbortSignal.any([ends, late]))
        } catch (error) {
          if (!late.aborted || ends.aborted) throw error
          throw new Left(name)
        }
      })
    },
    undo: (name, revert) =>
      verbs.undo(name, async () => {
        // A look at what is there ends nothing, whatever it meets.
        if (!left && options.journal === undefined) await revert()
      }),
    report(said) {
      progress = said
      verbs.report(said)
    },
  })

  const kept: Operation = {
    ...operation,
    ...(options.output === undefined ? {} : { output: { parse: options.output } }),
    async run(given, needed, verbs) {
      try {
        return await operation.run(given, needed, recording(verbs))
      } catch (error) {
        left = error instanceof Left || (options.onCancel === 'leave' && options.signal.aborted)
        throw error
      }
    },
  }
  try {
    const output = await runInline(kept, input, services, {
      clock: options.clock,
      ...(options.onCancel === 'leave' ? {} : { signal: options.signal }),
      ...(options.log === undefined ? {} : { log: options.log }),
    })
    return { state: 'done', output }
  } catch (error) {
    if (!(error instanceof Left)) throw error
    return { state: 'running', journal: done, changes, ...(progress === undefined ? {} : { progress }) }
  }
}

/** Its reason is none of ours: a task or a job takes that for the end of our process, and goes on. */
const lateness = (ms: number): AbortSignal =>
  ms <= 0 ? AbortSignal.abort(new Error('left')) : AbortSignal.timeout(Math.min(Math.ceil(ms), longest))

/** Milliseconds that a timer can wait; more would be over at once. */
const longest = 2 ** 31 - 1
