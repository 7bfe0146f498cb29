/** Looks one after another, as long as the bot lives. */
import { type Clock, within } from '@homelab/core'
import { describe, type Watch, type WatchLog } from './types.ts'

export interface LoopOptions {
  readonly clock: Clock
  readonly log: WatchLog
  /** What it cannot do, for the log: `the storages cannot be looked at`. */
  readonly trouble: string
  /** Told of each look that failed. What it throws itself is logged only. */
  readonly onFailure?: (error: unknown) => Promise<void>
  /** Asked before each look. */
  readonly wanted?: (() => boolean) | undefined
  /** Milliseconds before the first look, and between two, more or less. */
  readonly firstMs: number
  readonly everyMs: number
  /** Milliseconds that one look may take: it must not hold up the next for ever. */
  readonly longestMs: number
}

export interface Loop extends Watch {
  /** Begins to look. */
  start(): void
}

export function startLoop(work: (signal: AbortSignal) => Promise<void>, options: LoopOptions): Watch {
  const loop = createLoop(work, options)
  loop.start()
  return loop
}

export function createLoop(work: (signal: AbortSignal) => Promise<void>, options: LoopOptions): Loop {
  const { clock, log, trouble, wanted, firstMs, everyMs, longestMs } = options
  const end = new AbortController()

  async function lookOnce(): Promise<void> {
    if (end.signal.aborted || wanted?.() === false) return
    try {
      await work(within(longestMs, end.signal))
    } catch (error) {
      if (end.signal.aborted) return
      log.warn({ error: describe(error) }, trouble)
      await options.onFailure?.(error).catch((err: unknown) => log.error({ err }, trouble))
    }
  }

  let looking: Promise<void> = Promise.resolve()
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce)
    return looking
  }
  const pause = (ms: number) => clock.sleep(ms, end.signal).catch(() => {})
  async function loop(): Promise<void> {
    await pause(firstMs)
    while (!end.signal.aborted) {
      await look()
      // Several bots do not ask all at once.
      await pause(everyMs * (0.9 + Math.random() * 0.2))
    }
  }

  return {
    look,
    start: () => void loop(),
    async stop() {
      end.abort()
      await looking
    },
  }
}
