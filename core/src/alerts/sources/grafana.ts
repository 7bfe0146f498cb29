/** Grafana's webhook: that of unified alerting, and that of the alerts of dashboards before Grafana 9. */
import type { Alert } from '../types.ts'
import { leftOut, prometheusAlert, said } from './alertmanager.ts'
import { isObject, labelsOf, line, linkOf, malformed, readEach, textOf, timesOf } from './parts.ts'

const hint = 'Grafana sends this from a contact point of the type Webhook: `alert setup` shows its fields.'

export function readGrafana(source: string, body: unknown, now: Date): readonly Alert[] {
  if (!isObject(body)) throw malformed('This is no message of Grafana: it must be an object', hint)
  if (Array.isArray(body.alerts)) {
    const alerts = readEach(
      body.alerts,
      (entry) => grafanaAlert(source, entry, now),
      { source, hint, path: 'alerts' },
      now,
    )
    const fix = 'Its contact point has "Max Alerts": leave that empty.'
    return [...alerts, ...leftOut(source, body, now, { who: 'Grafana', fix })]
  }
  if (typeof body.ruleName === 'string') return dashboardAlert(source, body, now)
  throw malformed('This is no message of Grafana: it has no list "alerts"', hint)
}

/** Rules that Grafana makes when a query fails or finds nothing; `rulename` is whose query it was. */
const unmeasured: Readonly<Record<string, string>> = {
  DatasourceNoData: 'No data',
  DatasourceError: 'Cannot be measured',
}

function grafanaAlert(source: string, entry: Readonly<Record<string, unknown>>, now: Date): Alert {
  const alert = prometheusAlert(source, entry, now)
  const annotations = isObject(entry.annotations) ? entry.annotations : {}
  const link = linkOf(entry.panelURL) ?? linkOf(entry.dashboardURL) ?? alert.link
  const silence = linkOf(entry.silenceURL)
  const what = unmeasured[alert.name]
  const rule = alert.labels.rulename
  const { text: _, ...rest } = alert
  return {
    ...rest,
    ...(what === undefined || rule === undefined ? {} : { title: line(`${what}: ${rule}`) }),
    ...textOf(
      alert.text,
      whyOver(alert.status, said(annotations.grafana_state_reason)),
      said(annotations.Error),
      valuesOf(entry.values),
    ),
    labels: silence === undefined ? alert.labels : { ...alert.labels, silence_url: silence },
    ...(link === undefined ? {} : { link }),
    // What its button "Test" sends fires, and is never over.
    ...(alert.name === 'TestAlert' && alert.labels.instance === 'Grafana'
      ? { severity: 'info', once: true }
      : {}),
  }
}

/** Grafana resolves what it cannot see any more, which is not the same as being well. */
const whyOver = (status: Alert['status'], reason: string | undefined): string | undefined =>
  status === 'resolved' && reason !== undefined && /missing|nodata|no data|error|paused|deleted/i.test(reason)
    ? `Grafana ended it for another reason than that all is well: ${line(reason, 100)}.`
    : undefined

/** `B = 44.2, C = 1` */
function valuesOf(values: unknown): string | undefined {
  if (!isObject(values)) return undefined
  const shown = Object.entries(values)
    .filter(([, value]) => typeof value === 'number' || typeof value === 'string')
    .slice(0, 10)
    .map(([name, value]) => {
      const text = typeof value === 'number' ? Number(value.toPrecision(6)) : line(String(value), 60)
      return `${line(name, 40)} = ${text}`
    })
  return shown.length === 0 ? undefined : shown.join(', ')
}

const firing = ['alerting', 'no_data', 'error']

function dashboardAlert(
  source: string,
  body: Readonly<Record<string, unknown>>,
  now: Date,
): readonly Alert[] {
  const state = String(body.state)
  const known = state === 'ok' || firing.includes(state)
  // Paused, pending and unknown are no news.
  if (!known) return []
  const status = state === 'ok' ? 'resolved' : 'firing'
  const name = line(String(body.ruleName), 120)
  const link = linkOf(body.ruleUrl)
  const matches = Array.isArray(body.evalMatches) ? body.evalMatches.filter(isObject) : []
  const what = state === 'no_data' ? 'No data: ' : state === 'error' ? 'Cannot be measured: ' : ''
  return [
    {
      source,
      fingerprint: `rule/${line(String(body.ruleId ?? name), 120)}`,
      status,
      name,
      severity: 'warning',
      title: line(`${what}${name}`),
      ...textOf(
        said(body.message),
        valuesOf(Object.fromEntries(matches.map(({ metric, value }) => [String(metric), value]))),
      ),
      labels: { alertname: name, ...labelsOf(isObject(body.tags) ? body.tags : {}) },
      ...timesOf({ status, startsAt: undefined }, now),
      ...(link === undefined ? {} : { link }),
    },
  ]
}
