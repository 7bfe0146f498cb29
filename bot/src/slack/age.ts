/** How old something is by Slack's own clock: the clock of this machine may be minutes off. */
import type { Clock } from '@homelab/core'

/** Milliseconds. A request older than this is not done any more without asking. */
export const FRESH_MS = 120_000

export interface Age {
  /** What has this `ts` came as soon as it was said. */
  live(ts: string): void
  /** There was a gap: what we knew of Slack's clock may be wrong by as much as this machine slept. */
  forget(): void
  /** Milliseconds since it was said. */
  of(ts: string): number
}

export const tsOf = (ms: number): string => (ms / 1000).toFixed(6)
export const msOf = (ts: string): number => Number(ts) * 1000

/** By this machine's clock until something has come as soon as it was said. */
export function createAge(clock: Clock): Age {
  /** What Slack's clock is ahead of our monotonic one, at least: nothing comes before it is said. */
  let ahead: number | undefined
  return {
    live(ts) {
      const seen = msOf(ts) - clock.monotonic()
      if (Number.isFinite(seen)) ahead = Math.max(ahead ?? seen, seen)
    },
    forget() {
      ahead = undefined
    },
    of(ts) {
      const now = ahead === undefined ? clock.now().getTime() : clock.monotonic() + ahead
      return now - msOf(ts)
    },
  }
}
