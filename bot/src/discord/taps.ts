/** Presses of buttons that were taken: a finger that taps twice has said the same thing, though the card has changed by then. */
import type { Clock } from '@homelab/core'

/** Milliseconds in which a second press is the same one. */
const doubleTapMs = 10_000
const kept = 500

export interface Taps {
  took(user: string, button: string): void
  isSecond(user: string, button: string): boolean
}

export function createTaps(clock: Clock): Taps {
  const taken = new Map<string, number>()
  return {
    took(user, button) {
      const key = `${user} ${button}`
      taken.delete(key)
      taken.set(key, clock.monotonic())
      const [oldest] = taken.keys()
      if (taken.size > kept && oldest !== undefined) taken.delete(oldest)
    },
    isSecond(user, button) {
      const at = taken.get(`${user} ${button}`)
      return at !== undefined && clock.monotonic() - at < doubleTapMs
    },
  }
}
