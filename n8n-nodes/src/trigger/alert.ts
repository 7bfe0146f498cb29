/** Alerts of whatever source, as core reads them: an item each, and each told once. */
import { type Alert, readAlerts, severities } from '@homelab/core/alerts'
import type { AlertSourceKind } from '@homelab/core/inventory'
import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow'
import { n8nClock } from '../clock.ts'
import { printOf } from './digest.ts'
import { receive, type Told } from './receive.ts'
import { words } from './settings.ts'

/** Ten thousand alerts with all of their labels and texts. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/** Prints that a workflow remembers: some 50 kB of what n8n stores with it. */
const PRINTS = 2_000

export const receiveAlerts = (context: IWebhookFunctions): Promise<IWebhookResponseData> =>
  receive(context, {
    maxBytes: MAX_BODY_BYTES,
    most: PRINTS,
    read: (body) => {
      const kind = context.getNodeParameter('kind') as AlertSourceKind
      const options = context.getNodeParameter('options', {}) as IDataObject
      const now = n8nClock.now()
      const alerts = readAlerts(kind, String(options.source ?? '').trim() || kind, body, now)
      const filter = filterOf(options)
      return Promise.all(alerts.filter((alert) => passes(alert, filter)).map((alert) => told(alert, now)))
    },
  })

export interface AlertFilter {
  readonly onlyFiring: boolean
  /** Empty: all, as the next one. */
  readonly severities: readonly string[]
  /** In lower case. */
  readonly names: readonly string[]
}

const filterOf = (options: IDataObject): AlertFilter => ({
  onlyFiring: options.onlyFiring === true,
  severities: ((options.severities ?? []) as readonly string[]).filter((each) =>
    severities.some((known) => known === each),
  ),
  names: words(options.names),
})

export const passes = (
  { status, severity, name }: Pick<Alert, 'status' | 'severity' | 'name'>,
  filter: AlertFilter,
): boolean =>
  !(filter.onlyFiring && status === 'resolved') &&
  (filter.severities.length === 0 || filter.severities.includes(severity)) &&
  (filter.names.length === 0 || filter.names.includes(name.toLowerCase()))

/**
 * Known by source, fingerprint, status and when it began. Where nobody says when it began, firing is the same until it is
 * over; what is never over is told once a day.
 */
export async function told(alert: Alert, now: Date): Promise<Told> {
  const { card: _, ...item } = alert
  const { source, fingerprint, status, once } = alert
  const state = (of: Alert['status']) => printOf(source, fingerprint, of)
  const began =
    alert.startsAt === now.toISOString()
      ? once === true
        ? now.toISOString().slice(0, 10)
        : undefined
      : alert.startsAt
  return {
    item,
    print: await (began === undefined ? state(status) : printOf(source, fingerprint, status, began)),
    ends: await state(status === 'firing' ? 'resolved' : 'firing'),
  }
}
