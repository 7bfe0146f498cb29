/** Ours, for scripts and whatever else can send JSON: one alert, a list, or `{ "alerts": [ … ] }`. */
import type { Alert } from '../types.ts'
import {
  fingerprintOf,
  hashOfLabels,
  isObject,
  labelsOf,
  line,
  linkOf,
  malformed,
  readEach,
  severityOf,
  textOf,
  timesOf,
  Unreadable,
} from './parts.ts'

const hint =
  'An alert is {"name": "DiskFull", "severity": "warning", "text": "…", "labels": {"service": "plex"}}, and the same with "status": "resolved" when it is over.'

export function readGeneric(source: string, body: unknown, now: Date): readonly Alert[] {
  const [list, path] = Array.isArray(body)
    ? [body, 'alert']
    : isObject(body) && Array.isArray(body.alerts)
      ? [body.alerts, 'alerts']
      : [[body], '']
  if (list.length === 0) throw malformed('This is no alert: the list is empty', hint)
  return readEach(list, (entry) => genericAlert(source, entry, now), { source, hint, path }, now)
}

const wordOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? line(String(value)) : ''

function genericAlert(source: string, entry: Readonly<Record<string, unknown>>, now: Date): Alert {
  const name = wordOf(entry.name)
  const title = wordOf(entry.title)
  if (name === '' && title === '') throw new Unreadable('it needs a "name" or a "title"')
  const { status = 'firing' } = entry
  if (status !== 'firing' && status !== 'resolved')
    throw new Unreadable(
      `its "status" must be firing or resolved, not ${JSON.stringify(status).slice(0, 40)}`,
    )
  if (entry.labels !== undefined && !isObject(entry.labels))
    throw new Unreadable('its "labels" must be an object, such as {"service": "plex"}')
  const labels = labelsOf(entry.labels ?? {})
  const given = wordOf(entry.fingerprint)
  const called = line(name === '' ? title : name, 120)
  const link = linkOf(entry.link)
  const runbook = linkOf(entry.runbook)
  return {
    source,
    fingerprint: fingerprintOf(given === '' ? hashOfLabels({ ...labels, alertname: called }) : given),
    status,
    name: called,
    severity: severityOf(entry.severity),
    title: title === '' ? called : title,
    ...textOf(typeof entry.text === 'string' ? entry.text : undefined),
    labels,
    ...timesOf({ status, startsAt: entry.startsAt, endsAt: entry.endsAt }, now),
    ...(entry.startsAt === undefined ? { vague: true as const } : {}),
    ...(link === undefined ? {} : { link }),
    ...(runbook === undefined ? {} : { runbook }),
  }
}
