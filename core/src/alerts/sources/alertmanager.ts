/** Alertmanager's webhook, version 4. */
import type { Alert } from '../types.ts'
import {
  fingerprintOf,
  hashOfLabels,
  isObject,
  labelsOf,
  line,
  linkOf,
  malformed,
  note,
  readEach,
  severityOf,
  textOf,
  timeOf,
  timesOf,
  Unreadable,
} from './parts.ts'

const hint = 'Alertmanager sends this by `webhook_configs`: `alert setup` shows the receiver.'

export function readAlertmanager(source: string, body: unknown, now: Date): readonly Alert[] {
  if (!isObject(body) || !Array.isArray(body.alerts))
    throw malformed('This is no message of Alertmanager: it has no list "alerts"', hint)
  const alerts = readEach(
    body.alerts,
    (entry) => prometheusAlert(source, entry, now),
    { source, hint, path: 'alerts' },
    now,
  )
  return [
    ...alerts,
    ...leftOut(source, body, now, {
      who: 'Alertmanager',
      fix: 'Its receiver has `max_alerts`: take it out, or set it to 0.',
    }),
  ]
}

/** One of `alerts`, which Grafana has in the same form. @throws Unreadable */
export function prometheusAlert(source: string, entry: Readonly<Record<string, unknown>>, now: Date): Alert {
  if (!isObject(entry.labels)) throw new Unreadable('it has no "labels"')
  const labels = labelsOf(entry.labels)
  const annotations = isObject(entry.annotations) ? entry.annotations : {}
  const status = statusOf(entry, now)
  const name = labels.alertname ?? 'alert'
  const [summary, description] = [
    said(annotations.summary) ?? said(annotations.title),
    said(annotations.description) ?? said(annotations.message),
  ]
  const title = line(summary ?? firstLine(description) ?? named(name, labels))
  const link = linkOf(entry.generatorURL)
  const runbook = linkOf(annotations.runbook_url) ?? linkOf(annotations.runbook)
  const fingerprint = said(entry.fingerprint)
  return {
    source,
    fingerprint: fingerprintOf(fingerprint ?? hashOfLabels(labels)),
    status,
    name: line(name, 120),
    severity: severityOf(labels.severity),
    title: title === '' ? line(named(name, labels)) : title,
    ...textOf(description === undefined || line(description) === title ? undefined : description),
    labels,
    ...timesOf({ status, startsAt: entry.startsAt, endsAt: entry.endsAt }, now),
    ...(link === undefined ? {} : { link }),
    ...(runbook === undefined ? {} : { runbook }),
  }
}

function statusOf({ status, endsAt }: Readonly<Record<string, unknown>>, now: Date): Alert['status'] {
  if (status === 'firing' || status === 'resolved') return status
  if (status !== undefined)
    throw new Unreadable(
      `its "status" must be firing or resolved, not ${JSON.stringify(status).slice(0, 40)}`,
    )
  const end = timeOf(endsAt)
  return end === undefined || end > now ? 'firing' : 'resolved'
}

/** A template that found nothing leaves an empty text, or `<no value>`. */
export const said = (text: unknown): string | undefined =>
  typeof text === 'string' && text.trim() !== '' && text.trim() !== '<no value>' ? text : undefined

const firstLine = (text: string | undefined): string | undefined => text?.trim().split('\n', 1)[0]

const named = (name: string, { instance }: Readonly<Record<string, string>>): string =>
  instance === undefined ? name : `${name}: ${instance}`

/** What the sender kept back, because it was told to. */
export function leftOut(
  source: string,
  { truncatedAlerts, groupKey }: Readonly<Record<string, unknown>>,
  now: Date,
  told: { readonly who: string; readonly fix: string },
): readonly Alert[] {
  const count = typeof truncatedAlerts === 'number' ? truncatedAlerts : 0
  if (!(count > 0)) return []
  return [
    note(
      source,
      {
        name: 'AlertsLeftOut',
        key: said(groupKey) ?? '',
        title: `${count} ${count === 1 ? 'alert was' : 'alerts were'} left out by ${told.who}`,
        text: `There are more of this group than are told here. ${told.fix}`,
      },
      now,
    ),
  ]
}
