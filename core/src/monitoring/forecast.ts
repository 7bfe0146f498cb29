/** When something that grows is full: a straight line by least squares through the last part of it. */
import type { Point, Series } from './types.ts'

export type Forecast =
  | {
      readonly kind: 'full' /** Milliseconds since the epoch. */
      readonly at: number
      readonly perDay: number
    }
  /** It does not grow, not steadily, or it takes longer than anybody can tell from so little. */
  | { readonly kind: 'not-in-sight'; readonly why: 'steady' | 'unsteady' | 'far'; readonly perDay: number }
  /** Too little was measured to say anything. */
  | { readonly kind: 'unknown'; readonly points: number }

/** From two points anything follows. */
const FEWEST = 8
/** A line is trusted for this many times the time that it was drawn through. */
const REACH = 10
/** Of the standard errors of the slope: with less it may as well be chance. */
const SURE = 2
const DAY_MS = 86_400_000

/** @param limit in the unit of the series */
export function forecast({ points }: Pick<Series, 'points'>, limit: number): Forecast {
  const part = lastPart(points)
  const line = part.length < FEWEST ? undefined : lineThrough(part)
  const last = part.at(-1)
  if (line === undefined || last === undefined) return { kind: 'unknown', points: part.length }
  const perDay = line.slope * DAY_MS
  if (last.value >= limit) return { kind: 'full', at: last.at, perDay }
  // Under a thousandth of all there is in the time looked at: that is standing still.
  const spanMs = last.at - (part[0]?.at ?? last.at)
  if (line.slope * spanMs < limit / 1_000) return { kind: 'not-in-sight', why: 'steady', perDay }
  if (line.slope < SURE * line.error) return { kind: 'not-in-sight', why: 'unsteady', perDay }
  const inMs = (limit - last.value) / line.slope
  if (inMs > spanMs * REACH) return { kind: 'not-in-sight', why: 'far', perDay }
  return { kind: 'full', at: last.at + inMs, perDay }
}

/** The last half of the time, when enough was measured in it; what was deleted before that says nothing of now. */
function lastPart(points: readonly Point[]): readonly Point[] {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return []
  const middle = (first.at + last.at) / 2
  const half = points.filter(({ at }) => at >= middle)
  return half.length >= FEWEST ? half : points
}

/** Slope a millisecond, and its standard error; undefined when all points are of one time. */
function lineThrough(points: readonly Point[]): { slope: number; error: number } | undefined {
  const count = points.length
  const meanAt = points.reduce((sum, { at }) => sum + at, 0) / count
  const mean = points.reduce((sum, { value }) => sum + value, 0) / count
  let [spread, shared] = [0, 0]
  for (const { at, value } of points) {
    spread += (at - meanAt) ** 2
    shared += (at - meanAt) * (value - mean)
  }
  if (spread === 0) return undefined
  const slope = shared / spread
  const rest = points.reduce((sum, { at, value }) => sum + (value - mean - slope * (at - meanAt)) ** 2, 0)
  return { slope, error: Math.sqrt(rest / (count - 2) / spread) }
}
