/** What fired and was over while we were away: no Alertmanager tells of it any more, and Prometheus still knows. */
import { type Card, duration } from '@homelab/core'
import {
  type Alert,
  alertOf,
  type HeldAlert,
  type Incident,
  type Severity,
  severities,
  timeIn,
} from '@homelab/core/alerts'
import type { Prometheus, PromSeries } from '@homelab/core/monitoring'

/** Milliseconds since the epoch. */
export interface Away {
  readonly from: number
  readonly to: number
}

export interface MissedAlert {
  readonly name: string
  readonly severity: Severity
  /** What tells it from others of its rule. */
  readonly labels: Readonly<Record<string, string>>
  /** Milliseconds since the epoch: when it was measured to fire first and last. */
  readonly from: number
  readonly to: number
  /** How long it fired in all; undefined: so shortly that it is not known when. */
  readonly ms: number | undefined
}

/** Longer ago is no news, and Prometheus would have to read too much. */
const MOST_MS = 7 * 86_400_000
/** As long as an old sample counts as the newest one. */
const STALE_MS = 300_000
const SHOWN = 20

const FIRING = 'ALERTS{alertstate="firing"}'

export interface LookBackOptions {
  readonly prometheus: Pick<Prometheus, 'instant'>
  /** Open ones, and those that were open in this span. */
  readonly during: (span: Away) => readonly Pick<Incident, 'alerts'>[]
  readonly isWatchdog: (name: string) => boolean
}

/**
 * The gravest first. No range query, which would have as many points as it was long: what is asked is computed there.
 * @throws HomelabError when Prometheus does not answer
 */
export async function lookBack(
  { prometheus, during, isWatchdog }: LookBackOptions,
  away: Away,
  signal?: AbortSignal,
): Promise<readonly MissedAlert[]> {
  const { to } = away
  const from = Math.max(away.from, to - MOST_MS)
  const seconds = Math.ceil((to - from) / 1000)
  if (seconds < 1) return []
  const ask = (query: string) =>
    prometheus.instant(query, { at: to, ...(signal === undefined ? {} : { signal }) })
  // All that have a sample, and those that fire still.
  const [fired, now] = await Promise.all([ask(`count_over_time(${FIRING}[${seconds}s])`), ask(FIRING)])
  const still = new Set(now.map(({ labels }) => idOf(labels)))
  const over = fired.filter(({ labels }) => !still.has(idOf(labels)) && !isWatchdog(labels.alertname ?? ''))
  if (over.length === 0) return []
  const times = await timesOf(over, { from, to, seconds }, ask)
  const known = during({ from, to }).flatMap(({ alerts }) => alerts)
  return over
    .map(({ labels }) => ({ ...worded(labels), ...(times.get(idOf(labels)) ?? { from, to, ms: undefined }) }))
    .filter((missed) => !known.some((alert) => isSame(alert, missed)))
    .toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity) || a.from - b.from)
}

type Times = Pick<MissedAlert, 'from' | 'to' | 'ms'>

/** By `idOf`; those that were too short to be seen and too many to be asked for are missing. */
async function timesOf(
  over: readonly PromSeries[],
  { from, seconds }: Away & { readonly seconds: number },
  ask: (query: string) => Promise<readonly PromSeries[]>,
): Promise<ReadonlyMap<string, Times>> {
  const step = seconds <= 900 ? 1 : seconds <= 6 * 3600 ? 15 : 60
  // A span that is no longer than a step has no sample in it.
  const span = `[${Math.max(seconds, step)}s:${step}s]`
  const [first, last, count] = await Promise.all([
    ask(`min_over_time(timestamp(${FIRING})${span})`),
    ask(`max_over_time(timestamp(${FIRING})${span})`),
    ask(`count_over_time(${FIRING}${span})`),
  ])
  const values = (series: readonly PromSeries[]) =>
    new Map(series.map(({ labels, points }) => [idOf(labels), points[0]?.value ?? 0]))
  const [ends, counts] = [values(last), values(count)]
  const times = new Map<string, Times>()
  for (const { labels, points } of first) {
    const id = idOf(labels)
    const begun = Math.max(from, (points[0]?.value ?? 0) * 1000)
    const end = Math.max(begun, (ends.get(id) ?? 0) * 1000)
    // The last sample counts on for a while where a rule ended without saying so.
    const ms = Math.min((counts.get(id) ?? 1) * step * 1000, end - begun + step * 1000)
    times.set(id, { from: begun, to: end, ms })
  }
  // What began and ended between two steps has few samples.
  const short = over.filter(({ labels }) => !times.has(idOf(labels))).slice(0, SHOWN)
  for (const { labels } of short) {
    const [series] = await ask(`${selectorOf(labels)}[${seconds}s]`)
    const [begun, end] = [series?.points[0]?.at, series?.points.at(-1)?.at]
    if (begun !== undefined && end !== undefined)
      times.set(idOf(labels), { from: begun, to: end, ms: end - begun })
  }
  return times
}

const selectorOf = (labels: Readonly<Record<string, string>>): string =>
  `ALERTS{${Object.entries({ ...labels, alertstate: 'firing' })
    .filter(([name]) => name !== '__name__')
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}}`

/** `alertstate` and the metric's name are the same for all; a query with a function has no name. */
const idOf = ({ __name__: _, ...labels }: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** As it would have been told. */
function worded({ __name__: _, alertstate: __, ...labels }: Readonly<Record<string, string>>) {
  const { name, severity } = alertOf(
    '',
    { fingerprint: '-', labels, annotations: {}, startsAt: '', ...unheld },
    new Date(),
  )
  const { alertname: ___, ...others } = labels
  return { name, severity, labels: others }
}

const unheld: Pick<HeldAlert, 'receivers' | 'status'> = {
  receivers: [],
  status: { state: 'active', silencedBy: [], inhibitedBy: [], mutedBy: [] },
}

/** Alertmanager's labels may be more (external ones) and fewer (dropped on the way): what both have must agree. */
function isSame(alert: Alert, { name, labels, from, to }: MissedAlert): boolean {
  if ((alert.labels.alertname ?? alert.name) !== name) return false
  if (Object.entries(labels).some(([key, value]) => (alert.labels[key] ?? value) !== value)) return false
  const end = alert.endsAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(alert.endsAt) + STALE_MS
  return Date.parse(alert.startsAt) <= to && end >= from
}

const naming = [
  'service',
  'guest',
  'name',
  'id',
  'instance',
  'node',
  'storage',
  'device',
  'mountpoint',
  'job',
]

interface Shown {
  readonly now: Date
  /** Default: UTC. */
  readonly timezone: string | undefined
}

function lineOf({ name, labels, from, to, ms }: MissedAlert, at: (time: number) => string): string {
  const what = naming.flatMap((label) => labels[label] ?? []).slice(0, 2)
  const title = `${name}${what.length === 0 ? '' : ` (${what.join(', ')})`}`
  if (ms === undefined) return `${title}: for a moment`
  // Measured at steps: what is missing of less than half may be that.
  const atOnce = 2 * ms >= to - from
  const times = atOnce ? `${at(from)} to ${at(to)}` : `now and then between ${at(from)} and ${at(to)}`
  return `${title}: ${times}, ${duration(Math.max(1_000, atOnce ? to - from : ms))}${atOnce ? '' : ' in all'}`
}

export function awayCard(missed: readonly MissedAlert[], { from, to }: Away, { now, timezone }: Shown): Card {
  const at = (time: number) => timeIn(timezone, new Date(time).toISOString(), now)
  const more = missed.length - SHOWN
  const items = missed.slice(0, SHOWN).map((alert) => lineOf(alert, at))
  return {
    title: `While homelab was away, ${missed.length === 1 ? '1 alert' : `${missed.length} alerts`} fired and ended`,
    tone: missed.some(({ severity }) => severity === 'critical') ? 'warning' : 'neutral',
    text: `Nobody was told of ${missed.length === 1 ? 'it' : 'them'}: from ${at(Math.max(from, to - MOST_MS))} to ${at(to)} there was nobody to tell. This is what Prometheus remembers.`,
    sections: [{ kind: 'list', items: more > 0 ? [...items, `… ${more} more`] : items }],
    footer: `times of ${timezone ?? 'UTC'}`,
  }
}
