/** Pictures of a day by the minute, drawn in the worker while this thread goes on. */
import { availableParallelism, loadavg } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { chartSvg } from '@homelab/core/monitoring'
import { createPainter } from '../../bot/src/charts/painter.ts'
import type { Bench } from './support/row.ts'
import { median, percentile, randomFrom } from './support/stats.ts'

const MINUTE = 60_000
const POINTS = 1_440
const TOGETHER = 50
const ROUNDS = 3
const MANY = 2_000
const MB = 1_000_000

export const charts: Bench = {
  name: 'charts',
  title: 'Charts as PNG, 800 × 400, a day by the minute',
  async run() {
    const problems: string[] = []
    await using painter = createPainter({ onProblem: (problem) => problems.push(problem) })
    const pictures = Array.from({ length: 10 }, (_, seed) => pictureOf(seed))
    let turn = 0
    const one = async (): Promise<number> => {
      const began = performance.now()
      const svg = pictures[turn++ % pictures.length] ?? ''
      if ((await painter.draw(svg, turn % 2 === 0 ? 'dark' : 'light')) === undefined)
        throw new Error(`not drawn: ${problems.join(', ')}`)
      return performance.now() - began
    }
    const made = await timed(40, () => Promise.resolve(pictureOf(1)))

    const first = await one()
    await timed(30, one)
    const alone = await timed(100, one)

    const delays: number[] = []
    const together: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      // A thread that was never held up: what is measured is what drawing adds.
      await sleep(100)
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const began = performance.now()
      await Promise.all(Array.from({ length: TOGETHER }, one))
      together.push(performance.now() - began)
      delay.disable()
      delays.push(delay.percentile(99) / 1e6 - 1)
    }

    const load = loadavg()[0] ?? 0
    await drawn(MANY / 10, one)
    const before = process.memoryUsage.rss()
    await drawn(MANY, one)
    const after = process.memoryUsage.rss()
    const note = `load ${load.toFixed(1)} on ${availableParallelism()} cores`
    return [
      {
        what: 'a picture in the worker, median of 100',
        value: median(alone),
        unit: 'ms',
        atMost: { value: 25 },
        note,
      },
      { what: 'the same, p99', value: percentile(alone, 0.99), unit: 'ms' },
      { what: 'the first one, with the start of the worker', value: first, unit: 'ms' },
      { what: 'its SVG, made in this thread, median', value: median(made), unit: 'ms' },
      {
        what: `delay of this thread while ${TOGETHER} are drawn, p99, median of ${ROUNDS} rounds`,
        value: median(delays),
        unit: 'ms',
        atMost: { value: 10 },
        note: `${TOGETHER} took ${Math.round(median(together))} ms; ${note}`,
      },
      {
        what: `memory that ${MANY.toLocaleString('en')} more pictures left behind`,
        value: (after - before) / MB,
        unit: 'MB',
        atMost: { value: 30 },
        note: `${Math.round(after / MB)} MB in all; ${note}`,
      },
    ]
  },
}

function pictureOf(seed: number): string {
  const random = randomFrom(seed)
  const to = Date.UTC(2026, 0, 2)
  const from = to - POINTS * MINUTE
  let value = 0.3
  const points = Array.from({ length: POINTS }, (_, minute) => {
    value = Math.min(1, Math.max(0, value + (random() - 0.5) * 0.06))
    return { at: from + minute * MINUTE, value }
  })
  return chartSvg({
    title: `plex: CPU, last 24 h (${seed})`,
    from,
    to,
    series: [{ name: 'CPU', unit: 'share', stepMs: MINUTE, points }],
    thresholds: [{ value: 0.9, label: 'critical at 90 %', tone: 'crit' }],
    timezone: 'UTC',
  })
}

async function timed(times: number, work: () => Promise<unknown>): Promise<readonly number[]> {
  const found: number[] = []
  for (let time = 0; time < times; time += 1) {
    const began = performance.now()
    await work()
    found.push(performance.now() - began)
  }
  return found
}

async function drawn(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time += 10) await Promise.all(Array.from({ length: 10 }, work))
}
