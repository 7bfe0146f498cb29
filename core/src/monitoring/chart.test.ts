import { expect, test } from 'vitest'
import { timeAxis, valueAxis } from './axes.ts'
import { type ChartSpec, chartSvg } from './chart.ts'
import { inTheme } from './theme.ts'
import type { Series } from './types.ts'

const HOUR = 3_600_000
const to = Date.UTC(2026, 6, 14, 9, 30)
const from = to - 24 * HOUR
const series = (name: string, missing: (hour: number) => boolean = () => false): Series => ({
  name,
  unit: 'share',
  stepMs: HOUR,
  points: Array.from({ length: 24 }, (_, hour) => ({ at: from + hour * HOUR, value: hour / 48 })).filter(
    (_, hour) => !missing(hour),
  ),
})
const draw = (more: Partial<ChartSpec> = {}) =>
  chartSvg({ title: 'plex: CPU', from, to, series: [series('CPU')], timezone: 'Europe/Berlin', ...more })
const pathsOf = (svg: string) =>
  [...svg.matchAll(/<path class="line\d"[^>]* d="([^"]*)"/g)].map(([, d]) => d ?? '')

test('a line and the area below it, marks with their units, and nothing outside of the picture', () => {
  const svg = draw()
  expect(pathsOf(svg)).toHaveLength(1)
  expect(svg).toContain('<path class="fill0"')
  expect(svg).toContain('>%</text>')
  expect(svg).toContain('>15:00</text>')
  expect(svg).toContain('>14 Jul</text>')
  for (const [, x, y] of pathsOf(svg)
    .join(' ')
    .matchAll(/([\d.-]+),([\d.-]+)/g)) {
    expect(Number(x)).toBeGreaterThanOrEqual(0)
    expect(Number(x)).toBeLessThanOrEqual(800)
    expect(Number(y)).toBeGreaterThanOrEqual(0)
    expect(Number(y)).toBeLessThanOrEqual(400)
  }
})

test('the line is broken where points are missing', () => {
  const [path = ''] = pathsOf(draw({ series: [series('CPU', (hour) => hour > 5 && hour < 9)] }))
  expect(path.match(/M/g)).toHaveLength(2)
})

test('a legend is there for more than one series, and no area then', () => {
  expect(draw()).not.toContain('>CPU</text>')
  const svg = draw({ series: [series('in'), series('out')] })
  expect(svg).toContain('>in</text>')
  expect(svg).toContain('>out</text>')
  expect(svg).not.toContain('fill-opacity=".18"')
})

test('thresholds, windows and the forecast are drawn; what is above the axis is not', () => {
  const last = { at: to - HOUR, value: 0.48 }
  const svg = draw({
    limit: 1,
    thresholds: [
      { value: 0.8, label: 'warns at 80 %', tone: 'warn' },
      { value: 1.7, label: 'far above', tone: 'crit' },
    ],
    windows: [
      { from: from + HOUR, to: from + 2 * HOUR, label: 'PlexDown' },
      { from: from - 3 * HOUR, to: from - 2 * HOUR, label: 'before' },
    ],
    forecast: [last, { at: to + 6 * HOUR, value: 0.6 }],
  })
  expect(svg).toContain('warns at 80 %')
  expect(svg).not.toContain('far above')
  expect(svg).toContain('<rect class="window"')
  expect(svg).toContain('PlexDown')
  expect(svg).not.toContain('>before<')
  expect(svg).toContain('data-forecast')
})

test('incidents are told apart by colour and by line, and named in a legend; no label lies on another', () => {
  const window = { from: from + HOUR, to: from + 2 * HOUR }
  const svg = draw({
    windows: [
      { ...window, label: 'Plex is down', tone: 'crit' },
      { ...window, to: from + 3 * HOUR, label: 'Disk is slow', tone: 'warn' },
      { from: from - HOUR, to: from + HOUR / 2, label: 'Since before', tone: 'crit' },
    ],
  })
  expect(svg).toContain('>critical incident</text>')
  expect(svg).toContain('>incident, a warning</text>')
  expect(svg.match(/<rect class="window-crit"/g)).toHaveLength(3)
  expect(svg.match(/<line class="warn" [^>]*stroke-dasharray/g)).toHaveLength(2)
  // The one that began before has no edge where the picture begins.
  expect(svg.match(/<line class="crit" /g)).toHaveLength(3)
  expect(svg).toContain('>Since before</text>')
  expect(svg).not.toContain('>Disk is slow</text>')
  expect(draw({ windows: [window] })).not.toContain('incident')
})

test('what a name holds stays text', () => {
  const svg = draw({
    title: '<script>"&\u0000\u001b[31m',
    windows: [{ from, to, label: "</text><a href='x'>" }],
  })
  expect(svg).not.toMatch(/<script|<a |\p{Cc}(?<!\n)/u)
  expect(svg).toContain('&#60;script&#62;&#34;&#38;[31m')
})

test('nothing measured, and one point alone, are pictures too', () => {
  expect(draw({ series: [] })).toContain('</svg>')
  const one = { ...series('CPU'), points: [{ at: from + HOUR, value: 0.5 }] }
  const svg = draw({ series: [one] })
  expect(pathsOf(svg)[0]).toMatch(/^M[\d.,]+Z$/)
  expect(svg).not.toMatch(/NaN|Infinity|undefined/)
})

test('one picture has both themes for browsers, and one of them for who draws it', () => {
  const svg = draw()
  expect(svg).toContain('prefers-color-scheme:dark')
  const [light, dark] = [inTheme(svg, 'light'), inTheme(svg, 'dark')]
  expect(light).not.toContain('@media')
  expect(light).not.toBe(dark)
  expect(inTheme('<svg/>', 'dark')).toBe('<svg/>')
})

test('the value axis has round marks in the unit that fits, up to the limit when that is near', () => {
  const gib = 2 ** 30
  expect(valueAxis('bytes', 700 * gib, 931 * gib)).toMatchObject({ unit: 'GiB', top: 931 * gib })
  // 3 of 64 GiB would be a line at the floor.
  expect(valueAxis('bytes', 3 * gib, 64 * gib).top).toBeLessThan(5 * gib)
  expect(valueAxis('share', 0.003)).toMatchObject({ unit: '%', top: 0.05 })
  expect(valueAxis('share', 0.62).ticks.map(({ label }) => label)).toContain('60')
  expect(valueAxis('bytes/s', 0)).toMatchObject({ unit: 'B/s', top: 1 })
})

test('time marks are round in the time zone of the lab', () => {
  const labels = timeAxis({ from, to }, 'Asia/Kolkata').ticks.map(({ value, label }) => [
    new Date(value).toISOString(),
    label,
  ])
  expect(labels).toContainEqual(['2026-07-13T18:30:00.000Z', '14 Jul'])
  expect(labels).toContainEqual(['2026-07-13T12:30:00.000Z', '18:00'])
  const days = timeAxis({ from: to - 30 * 24 * HOUR, to }, 'Europe/Berlin').ticks
  expect(days.every(({ label }) => /^\d+ \w{3}$/.test(label))).toBe(true)
})
