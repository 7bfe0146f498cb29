import { chartSvg, type Threshold, type Window } from '../../monitoring/chart.ts'
import { amount, gapsOf, sparkline, summaryOf } from '../../monitoring/series.ts'
import type { Point, Series } from '../../monitoring/types.ts'
import type { Card, Section } from '../../operation/card.ts'
import { duration } from '../../operation/view.ts'
import { timeIn } from '../schedule/row.ts'
import type { GraphOutput } from './show.ts'

const names = { cpu: 'CPU', memory: 'memory', disk: 'disk', network: 'network' } as const
/** Of the span, that a forecast may add to the picture. */
const AHEAD = 0.3

/** Words say all that the picture shows: where there can be none, nothing is missing. */
export function graphCard(output: GraphOutput): Card {
  const { target, metric, kind, from, to, unit, note } = output
  const series = seriesOf(output)
  const what = kind === 'storage' ? 'used' : names[metric]
  const title = `${target}: ${what}, last ${spanText(to - from)}`
  const full = forecastText(output)
  const sections: Section[] = series.map((each) => ({
    kind: 'fields',
    ...(series.length > 1 ? { title: each.name } : {}),
    fields: fieldsOf(each, output),
  }))
  if (full !== undefined) sections.push({ kind: 'text', title: 'Full', text: full })
  if (note !== undefined) sections.push({ kind: 'text', title: 'Not from Prometheus', text: note })
  if (output.incidents.length > 0)
    sections.push({ kind: 'list', title: 'Incidents', items: incidentTexts(output) })
  const said = series.map((each) => {
    const last = summaryOf(each)?.last ?? 0
    return `${series.length > 1 ? `${each.name} ` : ''}${amount(last, unit)}`
  })
  return {
    title,
    tone: toneOf(output, series),
    sections,
    picture: {
      alt: `${title}: now ${said.join(', ')}${incidentCount(output)}`,
      svg: chartSvg({
        title,
        from,
        to,
        series,
        ...(output.limit === undefined ? {} : { limit: output.limit }),
        thresholds: thresholdsOf(output),
        windows: windowsOf(output),
        forecast: ahead(output, series[0]),
        ...(output.timezone === undefined ? {} : { timezone: output.timezone }),
      }),
    },
    footer: `${output.source === 'prometheus' ? 'Prometheus' : 'recorded by Proxmox'} · a point every ${duration(series[0]?.stepMs ?? 0)}`,
  }
}

/** Lines in the card; a picture has room for more. */
const LISTED = 8

function incidentTexts({ incidents, timezone, to: end }: GraphOutput): string[] {
  const lines = incidents.slice(-LISTED).map(({ severity, title, from, to }) => {
    const when = timeIn(timezone, new Date(from).toISOString())
    return `${severity}: ${title}, ${to === undefined ? `since ${when}` : `${duration(Math.max(0, Math.min(to, end) - from))} from ${when}`}`
  })
  return incidents.length > LISTED ? [`… ${incidents.length - LISTED} before these`, ...lines] : lines
}

const incidentCount = ({ incidents: { length } }: GraphOutput): string =>
  length === 0 ? '' : `; ${length} ${length === 1 ? 'incident' : 'incidents'}`

const windowsOf = ({ incidents, to: end }: GraphOutput): readonly Window[] =>
  incidents.map(({ severity, title, from, to = end }) => ({
    from,
    to,
    label: title,
    ...(severity === 'info' ? {} : { tone: severity === 'critical' ? 'crit' : 'warn' }),
  }))

/** `24 h` is what was asked for, and not a day. */
const spanText = (ms: number): string => {
  const hours = ms / 3_600_000
  return hours < 1
    ? `${Math.round(hours * 60)} min`
    : hours <= 48
      ? `${Math.round(hours)} h`
      : `${Math.round(hours / 24)} d`
}

const seriesOf = ({ series, unit }: GraphOutput): readonly Series[] =>
  series.map(({ name, stepMs, points }) => ({
    name,
    unit,
    stepMs,
    points: points.map(([at, value]) => ({ at, value })),
  }))

function fieldsOf(series: Series, { from, to, limit, unit }: GraphOutput) {
  const sum = summaryOf(series) ?? { min: 0, avg: 0, max: 0, last: 0 }
  const gaps = gapsOf(series)
  const missing = gaps.reduce((ms, gap) => ms + gap.to - gap.from, 0)
  const of = (value: number) =>
    limit === undefined
      ? amount(value, unit)
      : `${amount(value, unit)} (${amount(value / limit, 'share')} of ${amount(limit, unit)})`
  return [
    { name: 'Now', value: of(sum.last) },
    { name: 'Average', value: amount(sum.avg, unit) },
    { name: 'Lowest', value: amount(sum.min, unit) },
    { name: 'Highest', value: amount(sum.max, unit) },
    { name: 'Course', value: sparkline(series, { from, to }) },
    ...(gaps.length === 0
      ? []
      : [
          {
            name: 'Not measured',
            value: `${duration(missing)} in ${gaps.length} ${gaps.length === 1 ? 'gap' : 'gaps'}`,
          },
        ]),
  ]
}

function thresholdsOf({ limit, warn, crit, metric }: GraphOutput): readonly Threshold[] {
  if (limit === undefined || metric === 'network') return []
  return [
    ...(warn === undefined
      ? []
      : [{ value: (limit * warn) / 100, label: `warns at ${warn} %`, tone: 'warn' as const }]),
    ...(crit === undefined
      ? []
      : [{ value: (limit * crit) / 100, label: `critical at ${crit} %`, tone: 'crit' as const }]),
  ]
}

function toneOf({ limit, warn, crit }: GraphOutput, series: readonly Series[]): Card['tone'] {
  const last = series[0]?.points.at(-1)?.value
  if (limit === undefined || last === undefined || warn === undefined || crit === undefined) return 'neutral'
  const percent = (last / limit) * 100
  return percent >= crit ? 'error' : percent >= warn ? 'warning' : 'neutral'
}

function forecastText({ forecast, to, timezone, unit, limit }: GraphOutput): string | undefined {
  if (forecast === undefined || limit === undefined) return undefined
  if (forecast.kind === 'unknown')
    return `Not known: ${forecast.points} measurements are too few to tell. Ask for more time.`
  const growth = `${forecast.perDay < 0 ? '−' : '+'}${amount(Math.abs(forecast.perDay), unit)} a day`
  if (forecast.kind === 'full') {
    if (forecast.at <= to) return 'It is full now.'
    const day = new Intl.DateTimeFormat('en-GB', {
      dateStyle: 'long',
      ...(timezone === undefined ? {} : { timeZone: timezone }),
    }).format(forecast.at)
    return `In about ${duration(forecast.at - to)}, on ${day}, if it goes on so: ${growth}.`
  }
  const why = {
    steady: `it does not grow (${growth})`,
    unsteady: 'it goes up and down, and no line fits it',
    far: `it grows slowly (${growth})`,
  }[forecast.why]
  return `Not in sight: ${why}.`
}

/** The dashed line, from what was measured last; no further than the picture can show. */
function ahead({ forecast, limit, from, to }: GraphOutput, series: Series | undefined): readonly Point[] {
  const last = series?.points.at(-1)
  if (forecast?.kind !== 'full' || limit === undefined || last === undefined || forecast.at <= last.at)
    return []
  const at = Math.min(forecast.at, to + (to - from) * AHEAD)
  const share = (at - last.at) / (forecast.at - last.at)
  return [last, { at, value: last.value + (limit - last.value) * share }]
}
