import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../ports.ts'

/** Milliseconds that a timer of the system can wait; more would be over at once. */
const longest = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted()
    try {
      let left = ms
      for (; left > longest; left -= longest)
        await delay(longest, undefined, signal === undefined ? {} : { signal })
      await delay(left, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
}
