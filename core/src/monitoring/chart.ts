/** A line chart as SVG, to be read at the width of a phone: large letters, few marks, units at the axis. */
import { area, line } from 'd3-shape'
import { timeAxis, type ValueAxis, valueAxis } from './axes.ts'
import { runsOf } from './series.ts'
import { bothThemes, seriesColours } from './theme.ts'
import type { Point, Series, Span } from './types.ts'

export interface Threshold {
  readonly value: number
  readonly label: string
  readonly tone: 'warn' | 'crit'
}

export interface Window extends Span {
  readonly label?: string
  readonly tone?: Threshold['tone']
}

export interface ChartSpec extends Span {
  readonly title: string
  /** All of one unit. */
  readonly series: readonly Series[]
  /** What there is of it at all: the axis goes up to there when it is not far. */
  readonly limit?: number
  /** Lines across; one above the axis is left out. */
  readonly thresholds?: readonly Threshold[]
  /** Shaded: an incident, a maintenance. Those with a tone are told apart, and named in the legend. */
  readonly windows?: readonly Window[]
  /** Dashed, from the last point on. */
  readonly forecast?: readonly Point[]
  /** IANA name; default: that of the machine. */
  readonly timezone?: string
}

const [width, height] = [800, 400]
const font = 20
/** Of DejaVu Sans, the widest digits and letters taken together. */
const charWidth = 0.62

const escapeXml = (text: string): string =>
  text
    // What XML cannot hold at all would make the whole picture unreadable.
    .replace(/[^\t\n\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`)

const short = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`

const textWidth = (text: string, size = font): number => text.length * size * charWidth

export function chartSvg(spec: ChartSpec): string {
  const unit = spec.series[0]?.unit ?? 'share'
  const forecast = spec.forecast ?? []
  const end = Math.max(spec.to, forecast.at(-1)?.at ?? spec.to)
  const highest = Math.max(0, ...spec.series.flatMap(({ points }) => points.map(({ value }) => value)))
  const axis = valueAxis(unit, Math.max(highest, ...forecast.map(({ value }) => value)), spec.limit)
  const many = spec.series.length > 1
  const windows = (spec.windows ?? []).filter(({ from, to }) => to >= spec.from && from <= end)
  const legend = legendOf(many ? spec.series : [], windows)
  const widest = Math.max(...axis.ticks.map(({ label }) => textWidth(label)))
  const plot = {
    left: Math.ceil(widest) + 26,
    top: legend.length > 0 ? 104 : 74,
    right: width - 24,
    bottom: height - 44,
  }
  const x = (at: number): number =>
    tenth(plot.left + ((at - spec.from) / Math.max(1, end - spec.from)) * (plot.right - plot.left))
  const y = (value: number): number => tenth(plot.bottom - (value / axis.top) * (plot.bottom - plot.top))
  const place = { plot, x, y, from: spec.from, end, axis }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="DejaVu Sans, sans-serif" font-size="${font}">`,
    `<title>${escapeXml(spec.title)}</title>`,
    bothThemes(),
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text class="text" x="16" y="30" font-size="22">${escapeXml(short(spec.title, 52))}</text>`,
    ...legend,
    ...valueMarks(place),
    ...timeMarks(place, spec.timezone),
    ...windowsOf(place, windows),
    ...spec.series.flatMap((series, index) => pathsOf(place, series, index, many)),
    ...forecastOf(place, forecast),
    ...thresholdsOf(place, spec.thresholds ?? []),
    '</svg>',
  ].join('\n')
}

interface Place {
  readonly plot: {
    readonly left: number
    readonly top: number
    readonly right: number
    readonly bottom: number
  }
  readonly x: (at: number) => number
  readonly y: (value: number) => number
  readonly from: number
  readonly end: number
  readonly axis: ValueAxis
}

/** Of a pixel: more digits only make the text longer. */
const tenth = (value: number): number => Math.round(value * 10) / 10
const fixed = (value: number): string => String(tenth(value))

const windowNames = { crit: 'critical incident', warn: 'incident, a warning' } as const
/** How a window of this tone ends at its sides: who cannot tell the colours sees whole lines and broken ones. */
const edges = { crit: '', warn: ' stroke-dasharray="3 4"' } as const

function legendOf(series: readonly Series[], windows: readonly Window[]): readonly string[] {
  const tones = (['crit', 'warn'] as const).filter((tone) => windows.some((window) => window.tone === tone))
  const entries = [
    ...series.map(({ name }, index) => ({
      name: short(name, 20),
      swatch: (x: string) =>
        `<rect class="fill${index % seriesColours}" x="${x}" y="49" width="20" height="8" rx="2"/>`,
    })),
    ...tones.map((tone) => ({
      name: windowNames[tone],
      swatch: (x: string) =>
        `<g class="${tone}" stroke-width="2"><rect class="window-${tone}" x="${x}" y="45" width="20" height="16"${edges[tone]}/></g>`,
    })),
  ]
  let left = 16
  return entries.flatMap(({ name, swatch }) => {
    const at = left
    left += 28 + textWidth(name, 18) + 20
    // What has no room is told by its colour alone, and by the text beside the picture.
    if (left > width) return []
    return [
      swatch(fixed(at)),
      `<text class="text" x="${fixed(at + 28)}" y="60" font-size="18">${escapeXml(name)}</text>`,
    ]
  })
}

function valueMarks({ plot, y, axis }: Place): readonly string[] {
  return [
    `<text class="muted" x="16" y="${plot.top - 14}" font-size="18">${axis.unit}</text>`,
    ...axis.ticks.flatMap(({ value, label }) => [
      `<line class="${value === 0 ? 'axis' : 'grid'}" x1="${plot.left}" x2="${plot.right}" y1="${fixed(y(value))}" y2="${fixed(y(value))}"/>`,
      `<text class="muted" x="${plot.left - 10}" y="${fixed(y(value) + 7)}" text-anchor="end">${label}</text>`,
    ]),
  ]
}

function timeMarks({ plot, x, from, end }: Place, timezone: string | undefined): readonly string[] {
  let free = plot.left - 30
  return timeAxis({ from, to: end }, timezone).ticks.flatMap(({ value, label }) => {
    const half = textWidth(label) / 2
    const at = x(value)
    if (at - half < free || at + half > width) return []
    free = at + half + 12
    return [
      `<line class="axis" x1="${fixed(at)}" x2="${fixed(at)}" y1="${plot.bottom}" y2="${plot.bottom + 6}"/>`,
      `<text class="muted" x="${fixed(at)}" y="${plot.bottom + 30}" text-anchor="middle">${label}</text>`,
    ]
  })
}

function windowsOf({ plot, x, from, end }: Place, windows: readonly Window[]): readonly string[] {
  let free = plot.left
  return windows
    .toSorted((a, b) => a.from - b.from)
    .flatMap(({ tone, ...window }) => {
      const left = x(Math.max(from, window.from))
      // One that is over at once is still seen.
      const wide = Math.max(2, x(Math.min(end, window.to)) - left)
      const box = `x="${fixed(left)}" y="${plot.top}" width="${fixed(wide)}" height="${plot.bottom - plot.top}"`
      const edge = (at: number) =>
        `<line class="${tone}" stroke-width="2"${tone === undefined ? '' : edges[tone]} x1="${fixed(at)}" x2="${fixed(at)}" y1="${plot.top}" y2="${plot.bottom}"/>`
      return [
        `<rect class="window${tone === undefined ? '' : `-${tone}`}" ${box}/>`,
        // Where the picture ends the window need not.
        ...(tone === undefined || window.from < from ? [] : [edge(left)]),
        ...(tone === undefined || window.to >= end ? [] : [edge(left + wide)]),
        ...labelOf(window.label),
      ]

      function labelOf(text: string | undefined): readonly string[] {
        if (text === undefined) return []
        const label = short(text, 24)
        const long = textWidth(label, 16)
        const anchor = left + long > plot.right ? 'end' : 'start'
        const begins = anchor === 'end' ? left + wide - 4 - long : left + 4
        // Two labels on each other nobody can read: the second one is told beside the picture.
        if (begins < free) return []
        free = begins + long + 8
        return [
          `<text class="${tone ?? 'window'}-text" x="${fixed(anchor === 'end' ? left + wide - 4 : begins)}" y="${plot.top + 18}" text-anchor="${anchor}" font-size="16">${escapeXml(label)}</text>`,
        ]
      }
    })
}

/** Where points are missing the line is broken: nobody knows what was there. */
function pathsOf({ plot, x, y }: Place, series: Series, index: number, many: boolean): readonly string[] {
  const colour = index % seriesColours
  const draw = line<Point>()
    .x(({ at }) => x(at))
    .y(({ value }) => y(value))
  const below = area<Point>()
    .x(({ at }) => x(at))
    .y0(plot.bottom)
    .y1(({ value }) => y(value))
  const runs = runsOf(series)
  const fills = many ? '' : runs.map((run) => below(run) ?? '').join('')
  const strokes = runs.map((run) => draw(run) ?? '').join('')
  return [
    ...(fills === '' ? [] : [`<path class="fill${colour}" fill-opacity=".18" d="${fills}"/>`]),
    `<path class="line${colour}" fill="none" stroke-width="3" stroke-linejoin="round" stroke-linecap="round" d="${strokes}"/>`,
  ]
}

function forecastOf({ x, y }: Place, points: readonly Point[]): readonly string[] {
  const path = line<Point>()
    .x(({ at }) => x(at))
    .y(({ value }) => y(value))(points)
  return path === null || points.length < 2
    ? []
    : [
        `<path class="line0" data-forecast="" fill="none" stroke-width="3" stroke-dasharray="4 8" stroke-linecap="round" d="${path}"/>`,
      ]
}

function thresholdsOf({ plot, y, axis }: Place, thresholds: readonly Threshold[]): readonly string[] {
  return thresholds
    .filter(({ value }) => value <= axis.top && value >= 0)
    .flatMap(({ value, label, tone }) => [
      `<line class="${tone}" stroke-width="2" stroke-dasharray="10 6" x1="${plot.left}" x2="${plot.right}" y1="${fixed(y(value))}" y2="${fixed(y(value))}"/>`,
      `<text class="${tone}-text" x="${plot.left + 6}" y="${fixed(y(value) + (y(value) - plot.top < 22 ? 18 : -6))}" font-size="16">${escapeXml(short(label, 40))}</text>`,
    ])
}
