/** Saves what a run at work has done: however long the disk stays full, and when it cannot be saved, never goes on. */
import { type Clock, errorData } from '@homelab/core'
import type { Active } from './active.ts'
import { patiently } from './database.ts'
import { Interrupted } from './errors.ts'
import type { RunsLog } from './types.ts'

const warnEveryMs = 60_000

/** @throws Interrupted when it cannot be saved; the run is stopped then and left to the next start */
export type Save = (active: Active, work: () => void) => Promise<void>

export function saver(options: {
  readonly file: string
  readonly clock: Clock
  readonly closing: AbortSignal
  readonly log: RunsLog | undefined
}): Save {
  const { file, clock, closing, log } = options
  let warnedAt = Number.NEGATIVE_INFINITY
  const onWait = (error: unknown) => {
    const now = clock.monotonic()
    if (now - warnedAt < warnEveryMs) return
    warnedAt = now
    log?.warn({ file, reason: errorData(error).message }, 'runs are held: their state cannot be saved')
  }
  return async (active, work) => {
    try {
      await patiently(work, { clock, signal: closing, onWait })
    } catch (error) {
      if (!closing.aborted) log?.error({ err: error, run: active.id }, 'a run cannot be saved and is stopped')
      const interrupted = error instanceof Interrupted ? error : new Interrupted({ cause: error })
      active.stop.abort(interrupted)
      throw interrupted
    }
  }
}
