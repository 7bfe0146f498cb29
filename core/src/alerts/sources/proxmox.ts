/** What Proxmox VE sends from a webhook target, in the body that `alert setup` prints. */
import type { Alert, Severity } from '../types.ts'
import { fingerprintOf, isObject, labelsOf, line, malformed, severityOf, textOf, timesOf } from './parts.ts'

/** Handlebars, as Proxmox fills it in. Its helpers make JSON of texts, so that nothing in a title can end it early. */
export const proxmoxBody =
  '{"title":"{{escape title}}","message":"{{escape message}}","severity":"{{severity}}","timestamp":{{timestamp}},"fields":{{json fields}}}'

const hint = 'The body of the webhook target must be the one that `alert setup` prints.'

export function readProxmox(source: string, body: unknown, now: Date): readonly Alert[] {
  if (!isObject(body)) throw malformed('This is no notification of Proxmox: it must be an object', hint)
  const { title, severity } = body
  if (typeof title !== 'string' || title.trim() === '')
    throw malformed('This is no notification of Proxmox: it has no "title"', hint)
  if (typeof severity !== 'string')
    throw malformed('This is no notification of Proxmox: it has no "severity"', hint)
  const labels = labelsOf(isObject(body.fields) ? body.fields : {})
  const message = typeof body.message === 'string' ? body.message : ''
  const told: Told = {
    source,
    title: line(title),
    message,
    severity,
    labels,
    at: timeOf(body.timestamp),
    now,
  }
  return [labels.type === 'vzdump' ? backup(told) : event(told)]
}

interface Told {
  readonly source: string
  readonly title: string
  readonly message: string
  readonly severity: string
  readonly labels: Readonly<Record<string, string>>
  readonly at: string | undefined
  readonly now: Date
}

/** Seconds since the epoch. */
function timeOf(seconds: unknown): string | undefined {
  const value = typeof seconds === 'string' ? Number(seconds) : seconds
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0 || value > 8e12) return undefined
  return new Date(value * 1000).toISOString()
}

/** The only event that also tells when all went well: that ends the failure of the same job. */
function backup({ source, title, message, severity, labels, at, now }: Told): Alert {
  const { hostname = '', 'job-id': job } = labels
  const guests = guestsOf(message)
  const failed = guests.filter(({ ok }) => !ok)
  const vmids = guests.map(({ vmid }) => vmid)
  const status = severityOf(severity) === 'info' ? 'resolved' : 'firing'
  // Begun by hand there is no job: the same guests are the same backup then.
  const which = job ?? (vmids.length > 3 ? `${vmids.length}-guests` : vmids.join('+'))
  const vmid = job === undefined && vmids.length === 1 ? vmids[0] : undefined
  const who = failed.map((guest) => `${guest.vmid} ${guest.name}`)
  const shown = [...who.slice(0, 3), ...(who.length > 3 ? [`${who.length - 3} more`] : [])]
  const where = hostname === '' ? '' : ` on ${hostname}`
  return {
    source,
    fingerprint: fingerprintOf(['vzdump', hostname, which].filter((part) => part !== '').join('/')),
    status,
    name: 'vzdump',
    severity: 'warning',
    title: status === 'firing' && who.length > 0 ? line(`Backup${where} failed: ${shown.join(', ')}`) : title,
    ...textOf(who.length > 0 ? title : undefined, withoutLog(message)),
    labels: { ...labels, ...(vmid === undefined ? {} : { vmid: String(vmid) }) },
    ...timesOf({ status, startsAt: at, endsAt: at }, now),
  }
}

const severities: Readonly<Record<string, Severity>> = {
  fencing: 'critical',
  replication: 'warning',
  'package-updates': 'info',
}

/** Told when it happens, and never when it is over. */
function event({ source, title, message, severity, labels, at, now }: Told): Alert {
  const { type = 'notification', hostname = '', 'job-id': job = '' } = labels
  // Mail to root, such as smartd's, is told apart by its subject alone.
  const which = type === 'system-mail' || !Object.hasOwn(severities, type) ? title : ''
  return {
    source,
    fingerprint: fingerprintOf([type, hostname, job, which].filter((part) => part !== '').join('/')),
    status: 'firing',
    name: line(type, 120),
    severity: severities[type] ?? severityOf(severity === 'unknown' ? 'warning' : severity),
    title,
    ...textOf(message),
    labels,
    ...timesOf({ status: 'firing', startsAt: at }, now),
    once: true,
  }
}

const row = /^(\d{3,9})[ \t]+(\S.*?)[ \t]+(ok|err\S*|failed)(?:[ \t]|$)/gim

/** Rows of the table in a backup's message: `102  photos  err  3s  0 B  null`. */
const guestsOf = (message: string): { vmid: number; name: string; ok: boolean }[] =>
  [...withoutLog(message).slice(0, 100_000).matchAll(row)].map(([, vmid = '', name = '', state = '']) => ({
    vmid: Number(vmid),
    name,
    ok: state.toLowerCase() === 'ok',
  }))

/** The log of the whole run follows the table; it is in the task, too. */
const withoutLog = (message: string): string => message.split(/^Logs\n=+$/m, 1)[0] ?? message
