import { expect, test } from 'vitest'
import type { Target } from '../inventory/types.ts'
import { fastClock } from '../node/testing.ts'
import type { HealthReport } from './types.ts'
import { waitUntilUp } from './wait.ts'

const target = (status = 'running') =>
  ({ name: 'plex', guest: { name: 'plex', status }, dependents: [] }) as unknown as Target

/** Reports what it is given, the last one for ever. */
const reporting = (...states: HealthReport['state'][]) => {
  const asked: Target[] = []
  return {
    asked,
    knows: () => true,
    check: async (asking: Target) => {
      asked.push(asking)
      return { state: states[Math.min(asked.length, states.length) - 1] ?? 'unknown', detail: '', ms: 1 }
    },
  }
}

test('asks at once, every quarter of a second for 5 s, then every second', async () => {
  const clock = fastClock()
  const states = Array.from({ length: 23 }, () => 'down' as const)
  const service = reporting(...states, 'up')
  const seen: string[] = []
  const report = await waitUntilUp(service, target('stopped'), {
    clock,
    timeoutMs: 60_000,
    onReport: ({ state }) => seen.push(state),
  })
  expect(report.state).toBe('up')
  expect(seen).toEqual([...states, 'up'])
  expect(clock.slept).toEqual([...Array.from({ length: 20 }, () => 250), 1000, 1000, 1000])
  expect(service.asked[0]?.guest.status).toBe('running')
})

test('ends with the last report at its limit, and at once when there is nothing to ask', async () => {
  const clock = fastClock()
  const options = { clock, timeoutMs: 3000 }
  expect((await waitUntilUp(reporting('down', 'degraded'), target(), options)).state).toBe('degraded')
  expect(clock.monotonic()).toBe(3000)
  expect((await waitUntilUp(reporting('none'), target(), options)).state).toBe('none')
  expect(clock.monotonic()).toBe(3000)
})

test('is ended by its signal', async () => {
  const waiting = waitUntilUp(reporting('down'), target(), {
    clock: fastClock(),
    timeoutMs: 60_000,
    signal: AbortSignal.abort(new Error('enough')),
  })
  await expect(waiting).rejects.toThrow('enough')
})

test('a state that stays degraded or cannot be asked is the answer after 10 s, down is waited out', async () => {
  const ends = async (state: HealthReport['state']) => {
    const clock = fastClock()
    const report = await waitUntilUp(reporting('down', state), target(), { clock, timeoutMs: 60_000 })
    expect(report.state).toBe(state)
    return clock.monotonic()
  }
  expect(await ends('degraded')).toBeLessThan(12_000)
  expect(await ends('unknown')).toBeLessThan(12_000)
  expect(await ends('down')).toBeGreaterThan(58_000)
})
