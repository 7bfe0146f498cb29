/** Where the axes of a chart have their marks, and what is written at them. */
// Not d3-scale: with its colours and its own formats it would be most of what n8n's package has room for.
import { ticks as roundNumbers, tickStep } from 'd3-array'
import { utcTicks } from 'd3-time'
import { bytePower, byteUnitOf } from './series.ts'
import type { Span, Unit } from './types.ts'

export interface Axis {
  readonly ticks: readonly { readonly value: number; readonly label: string }[]
}

export interface ValueAxis extends Axis {
  /** Of what it goes to from 0, in the unit of the series. */
  readonly top: number
  /** `GiB`; of shares `%`. */
  readonly unit: string
}

/** About as many as one can still read on a phone. */
const MARKS = 5

/** From 0 to the highest, or to the limit when that is not far above it. */
export function valueAxis(unit: Unit, highest: number, limit?: number): ValueAxis {
  const near = limit !== undefined && limit > 0 && highest > limit * 0.3
  const most = near ? Math.max(limit, highest) : highest * 1.08
  const power = unit === 'share' ? 0 : bytePower(most)
  const factor = unit === 'share' ? 0.01 : 1024 ** power
  // A machine that does nothing is not shown as noise at full height.
  const least = unit === 'share' ? 5 : 1
  const full = Math.max(least, most / factor)
  const step = tickStep(0, full, MARKS)
  const end = near ? full : Math.ceil(full / step) * step
  const digits = Math.max(0, -Math.floor(Math.log10(step)))
  return {
    top: end * factor,
    unit: unit === 'share' ? '%' : byteUnitOf(power, unit),
    ticks: roundNumbers(0, end, MARKS).map((value) => ({
      value: value * factor,
      label: value.toFixed(digits),
    })),
  }
}

const HOUR_MS = 3_600_000

/** Marks at round times of the lab's own clock. @param timezone default: that of the machine */
export function timeAxis({ from, to }: Span, timezone: string | undefined, most = 6): Axis {
  const offset = offsetOf(to, timezone)
  const ticks = utcTicks(new Date(from + offset), new Date(to + offset), most).map(
    (tick) => tick.getTime() - offset,
  )
  const step = (ticks[1] ?? to) - (ticks[0] ?? from)
  const zone = timezone === undefined ? {} : { timeZone: timezone }
  const clock = new Intl.DateTimeFormat('en-GB', { ...zone, hour: '2-digit', minute: '2-digit' })
  const day = new Intl.DateTimeFormat('en-GB', { ...zone, day: 'numeric', month: 'short' })
  const month = new Intl.DateTimeFormat('en-GB', { ...zone, month: 'short', year: 'numeric' })
  const label = (at: number): string => {
    if (step >= 28 * 24 * HOUR_MS) return month.format(at)
    const time = clock.format(at)
    return step >= 20 * HOUR_MS || (time === '00:00' && to - from > 12 * HOUR_MS) ? day.format(at) : time
  }
  return { ticks: ticks.map((value) => ({ value, label: label(value) })) }
}

/** Milliseconds that the clock there is ahead of UTC. */
function offsetOf(at: number, timezone: string | undefined): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...(timezone === undefined ? {} : { timeZone: timezone }),
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  }).formatToParts(at)
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value ?? 0)
  const there = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'))
  return there - Math.floor(at / 60_000) * 60_000
}
