import type { Sim } from '../../sim.ts'

/** Seconds between two points of each timeframe, and how many there are. */
const frames: Readonly<Record<string, readonly [number, number]>> = {
  hour: [60, 70],
  day: [1_800, 70],
  week: [10_800, 70],
  month: [43_200, 70],
  year: [604_800, 70],
}

/** Rows of a round-robin database: where nothing was collected, a row has its time and no other key. */
export function history(
  sim: Sim,
  timeframe: string,
  since: number,
  row: (at: number, round: number) => object,
): readonly object[] {
  const [step, count] = frames[timeframe] ?? [60, 70]
  const last = Math.floor(sim.clock.seconds() / step) * step
  return Array.from({ length: count }, (_, index) => {
    const time = last - (count - 1 - index) * step
    // The newest point is not complete yet.
    if (time * 1000 < since || index === count - 1) return { time }
    return { time, ...row(time * 1000, time) }
  })
}
