import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.ts'

describe('systemClock', () => {
  it('sleeps about as long as told', async () => {
    const began = systemClock.monotonic()
    await systemClock.sleep(30)
    expect(systemClock.monotonic() - began).toBeGreaterThanOrEqual(29)
  })

  it('sleeps for a month without waking at once', async () => {
    const controller = new AbortController()
    const sleep = systemClock.sleep(30 * 86_400_000, controller.signal)
    const first = await Promise.race([sleep.then(() => 'awake'), systemClock.sleep(30).then(() => 'asleep')])
    expect(first).toBe('asleep')
    controller.abort(new Error('enough'))
    await expect(sleep).rejects.toThrow('enough')
  })

  it('wakes with the reason of the signal', async () => {
    const controller = new AbortController()
    const sleep = systemClock.sleep(60_000, controller.signal)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(sleep).rejects.toBe(reason)
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toBe(reason)
  })
})
