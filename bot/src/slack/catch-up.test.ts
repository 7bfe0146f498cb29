import type { Clock, Json } from '@homelab/core'
import { expect, it } from 'vitest'
import { openSeen } from './catch-up.ts'

function opened(kept = new Map<string, Json>()) {
  const clock: Clock = {
    now: () => new Date(),
    monotonic: () => 0,
    // Nothing here may depend on a later time: the process is killed before.
    sleep: () => new Promise(() => undefined),
  }
  const facts = {
    get: (name: string) => kept.get(name),
    set: async (name: string, value: Json) => void kept.set(name, value),
  }
  const onBug = (error: unknown) => {
    throw error
  }
  return { seen: openSeen({ facts, clock, onBug }), next: () => opened(kept).seen }
}

it('is kept as soon as there is nothing left to look for', () => {
  const { seen, next } = opened()
  seen.note('C1', '100.000001', 'U1')
  expect(next().ts).toBeUndefined()
  seen.release()
  expect(next().ts).toBe('100.000001')
})

it('goes not beyond what was missed before that is found, over a kill either', () => {
  const { seen, next } = opened()
  seen.note('C1', '100.000001', 'U1')
  seen.release()
  seen.hold()
  // Of now, while nobody has looked yet for what was said at 150.
  seen.note('C1', '200.000001', 'U1')
  seen.upTo(new Date(190_000))
  expect([seen.ts, next().ts]).toEqual(['100.000001', '100.000001'])
  const after = next()
  // It comes before anybody has said that there was a gap.
  after.note('C1', '300.000001', 'U1')
  expect(after.ts).toBe('100.000001')
  after.release()
  expect(after.ts).toBe('300.000001')
})

it('holds on to the oldest of several gaps', () => {
  const { seen } = opened()
  seen.release()
  seen.note('C1', '100.000001', 'U1')
  seen.hold()
  seen.note('C1', '200.000001', 'U1')
  seen.hold()
  expect(seen.ts).toBe('100.000001')
})
