/** How old what arrives is, by Discord's own clock: the host's may be wrong, and says nothing about what people did. */
import type { Clock } from '@homelab/core'
import { madeAt } from './asker.ts'

/** Milliseconds. */
const timing = {
  /** What was typed before is not done without asking. */
  late: 120_000,
  /** A host's clock drifts: what was seen longer ago tells nothing. */
  window: 3_600_000,
  /** The clock was set, or the machine was asleep. */
  step: 5_000,
}

export interface Lateness {
  /** Discord said that it is `at` now, milliseconds since 1970; on its way that has become older. */
  told(at: number): void
  /**
   * Whether what has this id is too old to be done without asking.
   * @param missedSince of what is sent again after a gap: when that began by the host's clock, ISO 8601
   */
  isLate(id: string, missedSince?: string): boolean
  /** Milliseconds that the host's clock is ahead of Discord's; undefined while nothing tells. */
  readonly aheadMs: number | undefined
}

export function createLateness(clock: Clock): Lateness {
  // Each is at least the offset, by as much as the way took: the smallest is the nearest.
  let ahead: number | undefined
  let before: number | undefined
  let began = clock.monotonic()
  let pace = clock.now().getTime() - began

  const now = () => {
    const wall = clock.now().getTime()
    const monotonic = clock.monotonic()
    if (Math.abs(wall - monotonic - pace) > timing.step) {
      ahead = undefined
      before = undefined
    }
    pace = wall - monotonic
    if (monotonic - began > timing.window) {
      before = ahead
      ahead = undefined
      began = monotonic
    }
    return wall
  }
  const offset = () => (ahead === undefined ? before : before === undefined ? ahead : Math.min(ahead, before))
  const told = (at: number) => {
    const found = now() - at
    ahead = ahead === undefined ? found : Math.min(ahead, found)
  }

  return {
    told,
    isLate(id, missedSince) {
      if (missedSince === undefined) told(madeAt(id))
      const wall = now()
      const age = wall - madeAt(id) - (offset() ?? 0)
      const gap = missedSince === undefined ? age : wall - Date.parse(missedSince)
      return Math.min(age, gap) > timing.late
    },
    get aheadMs() {
      now()
      return offset()
    },
  }
}
