import { expect, test } from 'vitest'
import { forecast } from './forecast.ts'

const DAY = 86_400_000
const start = Date.UTC(2026, 0, 1)
/** A point every half day. */
const over = (days: number, value: (day: number) => number) => ({
  points: Array.from({ length: days * 2 + 1 }, (_, index) => ({
    at: start + (index * DAY) / 2,
    value: value(index / 2),
  })),
})

test('says when a straight line reaches the limit, from the last value on', () => {
  const found = forecast(
    over(30, (day) => 500 + day * 10),
    1_000,
  )
  expect(found.kind).toBe('full')
  // 800 on day 30, 10 a day.
  if (found.kind === 'full') expect((found.at - start) / DAY).toBeCloseTo(50, 5)
  expect(found).toMatchObject({ perDay: expect.closeTo(10, 5) as number })
})

test('goes by the last half: what was cleaned up before says nothing of now', () => {
  const found = forecast(
    over(30, (day) => (day < 14 ? 900 - day : 300 + (day - 14) * 20)),
    1_000,
  )
  expect(found).toMatchObject({ kind: 'full', perDay: expect.closeTo(20, 5) as number })
})

test('a little up and down does not hide that it grows', () => {
  const found = forecast(
    over(30, (day) => 500 + day * 10 + Math.sin(day * 2) * 8),
    1_000,
  )
  expect(found.kind).toBe('full')
  if (found.kind === 'full') expect(Math.abs((found.at - start) / DAY - 50)).toBeLessThan(3)
})

test.each([
  ['it stands still', (_day: number) => 500, 'steady'],
  ['it shrinks', (day: number) => 900 - day * 5, 'steady'],
  ['it jumps', (day: number) => 500 + ((day * 7) % 5) * 60 + day * 0.4, 'unsteady'],
  ['it grows by too little', (day: number) => 100 + day * 0.4, 'far'],
])('full is not in sight when %s', (_what, value, why) => {
  expect(forecast(over(30, value), 1_000)).toMatchObject({ kind: 'not-in-sight', why })
})

test('nothing is known from two points, from none, or from many of one time', () => {
  expect(
    forecast(
      over(0, () => 1),
      10,
    ),
  ).toEqual({ kind: 'unknown', points: 1 })
  expect(forecast({ points: [] }, 10)).toEqual({ kind: 'unknown', points: 0 })
  const two = {
    points: [
      { at: start, value: 1 },
      { at: start + DAY, value: 5 },
    ],
  }
  expect(forecast(two, 10)).toEqual({ kind: 'unknown', points: 2 })
  const same = { points: Array.from({ length: 20 }, (_, value) => ({ at: start, value })) }
  expect(forecast(same, 100).kind).toBe('unknown')
})

test('what is full is full now', () => {
  const { points } = over(10, () => 1_000)
  expect(forecast({ points }, 1_000)).toMatchObject({ kind: 'full', at: points.at(-1)?.at })
})
