/** A 401 may be Discord's own trouble: whether the token is refused indeed is asked once, and until then nothing is sent. */
import type { Clock } from '@homelab/core'
import { isUnauthorised, waitOf } from './trouble.ts'

/** Milliseconds. */
const firstRetry = 2_000
const longestRetry = 60_000

export interface Doubt {
  /** A call was answered with 401. */
  arise(): void
  close(): void
}

export interface DoubtOptions {
  /** Any call with the token. */
  readonly ask: () => Promise<unknown>
  readonly clock: Clock
  onBegin(): void
  /** The token is good. */
  onEnd(): void
  onRefused(): void
}

export function createDoubt({ ask, clock, onBegin, onEnd, onRefused }: DoubtOptions): Doubt {
  const stop = new AbortController()
  let asking = false

  async function settle(): Promise<void> {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      try {
        await ask()
        return onEnd()
      } catch (error) {
        if (stop.signal.aborted) return
        if (isUnauthorised(error)) return onRefused()
        const pause = Math.min(longestRetry, firstRetry * 2 ** Math.min(failures, 10))
        await clock.sleep(Math.max(waitOf(error) ?? 0, pause), stop.signal).catch(() => undefined)
      }
    }
  }

  return {
    arise() {
      if (asking || stop.signal.aborted) return
      asking = true
      onBegin()
      void settle().finally(() => {
        asking = false
      })
    },
    close: () => stop.abort(),
  }
}
