import { expect, test } from 'vitest'
import { seriesOf, timeframeOf } from './rrd.ts'
import { amount, gapsOf, runsOf, sparkline, summaryOf, thinned } from './series.ts'
import type { Series } from './types.ts'

const of = (...values: (number | undefined)[]): Series => ({
  name: 'CPU',
  unit: 'share',
  stepMs: 60_000,
  points: values.flatMap((value, index) => (value === undefined ? [] : [{ at: index * 60_000, value }])),
})

test('a missing point is a gap and no zero', () => {
  const series = of(0.5, 0.6, undefined, undefined, 0.7)
  expect(gapsOf(series)).toEqual([{ from: 60_000, to: 240_000 }])
  expect(runsOf(series).map((run) => run.length)).toEqual([2, 1])
  expect(summaryOf(series)).toEqual({ min: 0.5, avg: expect.closeTo(0.6) as number, max: 0.7, last: 0.7 })
  expect(summaryOf(of())).toBeUndefined()
})

test('a point that is late by less than half a step is no gap', () => {
  const series = {
    stepMs: 60_000,
    points: [
      { at: 0, value: 1 },
      { at: 85_000, value: 1 },
    ],
  }
  expect(gapsOf(series)).toEqual([])
})

test('a sparkline shows course and gaps, and is never finer than the points', () => {
  expect(sparkline(of(0, 1, 2, undefined, 4, 5, 6, 7), { from: 0, to: 8 * 60_000 })).toBe('▁▂▃·▅▆▇█')
  expect(sparkline(of(3, 3, 3, 3), { from: 0, to: 4 * 60_000 })).toBe('▁▁▁▁')
  // The newest point is of a minute ago.
  expect(sparkline(of(0, 7), { from: 0, to: 150_000 })).toBe('▁█')
})

test('fewer points are averages of more, and what was a gap stays one', () => {
  const many = of(
    ...Array.from({ length: 1_440 }, (_, minute) => (minute > 600 && minute < 700 ? undefined : minute)),
  )
  const few = thinned(many, 300)
  expect(few.points.length).toBeLessThanOrEqual(300)
  expect(few.stepMs).toBe(5 * 60_000)
  expect(few.points[1]).toEqual({ at: 300_000, value: 7 })
  expect(gapsOf(few)).toHaveLength(1)
})

test('a row of Proxmox without the key is a time when nothing was collected', () => {
  const rows = [{ time: 60, cpu: 0.1 }, { time: 120 }, { time: 180, cpu: 0 }, { time: 240, cpu: 0.3 }]
  const [series] = seriesOf(rows, [['cpu', 'CPU']], 'share', { from: 0, to: 200_000 })
  expect(series).toMatchObject({
    stepMs: 60_000,
    points: [
      { at: 60_000, value: 0.1 },
      { at: 180_000, value: 0 },
    ],
  })
  expect(seriesOf(rows, [['mem', 'memory']], 'bytes', { from: 0, to: 200_000 })).toEqual([])
})

test.each([
  [1, 'hour'],
  [24, 'day'],
  [25, 'week'],
  [24 * 30, 'month'],
  [24 * 90, 'year'],
])('%i hours are read from the record of a %s', (hours, frame) => {
  expect(timeframeOf({ from: 0, to: hours * 3_600_000 })).toBe(frame)
})

test.each([
  [0.0834, 'share', '8.3 %'],
  [0.83, 'share', '83 %'],
  [1536, 'bytes', '1.5 KiB'],
  [0, 'bytes/s', '0 B/s'],
  [12 * 2 ** 20, 'bytes/s', '12.0 MiB/s'],
] as const)('%d of %s is %s', (value, unit, text) => {
  expect(amount(value, unit)).toBe(text)
})
