/** The Clock port in n8n, whose scanner forbids timers but offers `sleep`. */
import type { Clock } from '@homelab/core'
import { sleep } from 'n8n-workflow'
import { unlessAborted } from './abort.ts'

export const n8nClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted()
    // The signal ends n8n's own timer; older versions ignore it, hence the race.
    await unlessAborted(sleep(ms, signal), signal)
  },
}
