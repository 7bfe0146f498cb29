import type { Clock } from '@homelab/core'
import { expect, it } from 'vitest'
import { createLateness } from './lateness.ts'

const epoch = 1_420_070_400_000
const start = Date.parse('2026-01-01T12:00:00Z')
const minutes = (count: number) => count * 60_000

/** Discord's time is true; the host's is ahead of it by `aheadMs`. */
function lab(aheadMs = 0) {
  let passed = 0
  let ahead = aheadMs
  let place = 0n
  const wall = () => start + passed + ahead
  const clock: Clock = {
    now: () => new Date(wall()),
    monotonic: () => passed,
    sleep: () => Promise.resolve(),
  }
  return {
    lateness: createLateness(clock),
    /** The id of something that was made so long ago. */
    made: (agoMs = 0) => String((BigInt(start + passed - agoMs - epoch) << 22n) + place++),
    host: (agoMs = 0) => new Date(wall() - agoMs).toISOString(),
    discord: () => start + passed,
    pass(ms: number) {
      passed += ms
    },
    set(ms: number) {
      ahead = ms
    },
  }
}

it.each([0, minutes(5), minutes(-5), minutes(600)])('takes what comes at once, %i ms off', (ahead) => {
  const { lateness, made, discord } = lab(ahead)
  expect(lateness.isLate(made())).toBe(false)
  expect(lateness.aheadMs).toBe(ahead)
  lateness.told(discord() - 900)
  expect(lateness.isLate(made(500))).toBe(false)
  expect(lateness.aheadMs).toBe(ahead)
})

it.each([0, minutes(5), minutes(-5)])('asks for what is sent again after long, %i ms off', (ahead) => {
  const { lateness, made, host, discord } = lab(ahead)
  lateness.told(discord())
  expect(lateness.isLate(made(minutes(3)), host(minutes(10)))).toBe(true)
  expect(lateness.isLate(made(minutes(1)), host(minutes(10)))).toBe(false)
  expect(lateness.isLate(made(minutes(1)), host(minutes(1)))).toBe(false)
})

it('trusts the length of the gap while nothing else tells', () => {
  const { lateness, made, host } = lab(minutes(30))
  expect(lateness.isLate(made(minutes(1)), host(minutes(1)))).toBe(false)
})

it('goes on when the clock is set', () => {
  const { lateness, made, set, pass } = lab(minutes(-20))
  lateness.isLate(made())
  set(0)
  pass(1_000)
  expect(lateness.isLate(made())).toBe(false)
  expect(lateness.aheadMs).toBe(0)
})

it('notices a clock that drifts', () => {
  const { lateness, made, set, pass } = lab(0)
  for (let hours = 0; hours < 60; hours++) {
    lateness.isLate(made())
    pass(minutes(61))
    set(hours * 4_000)
  }
  expect(lateness.isLate(made())).toBe(false)
  expect(lateness.aheadMs).toBeGreaterThan(minutes(3))
})
