/** Sums over a series, and what is missing in it. */
import type { Point, Series, Span, Unit } from './types.ts'

export interface Summary {
  readonly min: number
  readonly avg: number
  readonly max: number
  readonly last: number
}

/** undefined without a point. */
export function summaryOf({ points }: Pick<Series, 'points'>): Summary | undefined {
  const last = points.at(-1)
  if (last === undefined) return undefined
  let [min, max, sum] = [last.value, last.value, 0]
  for (const { value } of points) {
    min = Math.min(min, value)
    max = Math.max(max, value)
    sum += value
  }
  return { min, avg: sum / points.length, max, last: last.value }
}

/** Clocks and collectors are late by a little: a point counts as missing when it is late by more than half a step. */
const LATE = 1.5

/** Runs of points with nothing missing between them. */
export function runsOf({ points, stepMs }: Pick<Series, 'points' | 'stepMs'>): readonly (readonly Point[])[] {
  const runs: Point[][] = []
  let before: Point | undefined
  for (const point of points) {
    if (before === undefined || point.at - before.at > stepMs * LATE) runs.push([point])
    else runs.at(-1)?.push(point)
    before = point
  }
  return runs
}

/** Between points only: what came before the first one was never measured. */
export function gapsOf(series: Pick<Series, 'points' | 'stepMs'>): readonly Span[] {
  const runs = runsOf(series)
  return runs.slice(1).map((run, index) => ({
    from: runs[index]?.at(-1)?.at ?? 0,
    to: run[0]?.at ?? 0,
  }))
}

/** At most `most` points, each the average of its part of the time; a part with no point stays without. */
export function thinned(series: Series, most: number): Series {
  const { points } = series
  const [first, last] = [points[0], points.at(-1)]
  if (points.length <= most || first === undefined || last === undefined) return series
  const stepMs = Math.ceil((last.at - first.at + series.stepMs) / most / series.stepMs) * series.stepMs
  const parts = new Map<number, { sum: number; count: number }>()
  for (const { at, value } of points) {
    const part = Math.floor((at - first.at) / stepMs)
    const { sum, count } = parts.get(part) ?? { sum: 0, count: 0 }
    parts.set(part, { sum: sum + value, count: count + 1 })
  }
  return {
    ...series,
    stepMs,
    points: [...parts].map(([part, { sum, count }]) => ({
      at: first.at + part * stepMs,
      value: sum / count,
    })),
  }
}

const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** Of a share of 0 to 1. */
export const blockOf = (share: number): string =>
  blocks[Math.max(0, Math.min(7, Math.floor(share * 8)))] ?? blocks[0]

/** One character for each part of the time, from the lowest to the highest; `·` where nothing was measured. */
export function sparkline(
  { points, stepMs }: Pick<Series, 'points' | 'stepMs'>,
  { from, to: end }: Span,
  most = 32,
): string {
  // The newest point is always of a step ago.
  const newest = (points.at(-1)?.at ?? end) + stepMs
  const to = newest > end - stepMs ? Math.min(end, newest) : end
  // Never finer than the points: what lies between two of them is no gap.
  const width = Math.max(1, Math.min(most, Math.floor((to - from) / stepMs)))
  const sums = Array.from({ length: width }, () => ({ sum: 0, count: 0 }))
  for (const { at, value } of points) {
    const cell = sums[Math.min(width - 1, Math.floor(((at - from) / (to - from)) * width))]
    if (cell === undefined) continue
    cell.sum += value
    cell.count += 1
  }
  const cells = sums.map(({ sum, count }) => (count === 0 ? undefined : sum / count))
  const known = cells.filter((cell) => cell !== undefined)
  const low = Math.min(...known)
  const high = Math.max(...known)
  const shown = (value: number): string =>
    blocks[high === low ? 0 : Math.min(7, Math.floor(((value - low) / (high - low)) * 8))] ?? blocks[0]
  return cells.map((cell) => (cell === undefined ? '·' : shown(cell))).join('')
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `8.4 %`, `83 %`, `1.5 GiB`, `12 MiB/s`. */
export function amount(value: number, unit: Unit): string {
  if (unit === 'share') {
    const percent = value * 100
    return `${Math.abs(percent) < 10 ? percent.toFixed(1) : Math.round(percent)} %`
  }
  const power = bytePower(value)
  const shown = value / 1024 ** power
  const text = power === 0 || Math.abs(shown) >= 100 ? Math.round(shown) : shown.toFixed(1)
  return `${text} ${byteUnitOf(power, unit)}`
}

/** Of 1024, so that the number is at least 1. */
export const bytePower = (value: number): number =>
  value === 0 ? 0 : Math.min(byteUnits.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(value)) / 10)))

export const byteUnitOf = (power: number, unit: Unit): string =>
  `${byteUnits[power] ?? 'B'}${unit === 'bytes/s' ? '/s' : ''}`
