/** Uptime Kuma's webhook, with the preset body "application/json". */
import type { Alert } from '../types.ts'
import { hash, isObject, labelsOf, line, malformed, note, severityOf, textOf, timesOf } from './parts.ts'

const hint =
  'Uptime Kuma sends this from a notification of the type Webhook with the body "application/json".'

const DOWN = 0
const UP = 1
const states = [DOWN, UP, 2, 3]

export function readKuma(source: string, body: unknown, now: Date): readonly Alert[] {
  if (!isObject(body) || !('heartbeat' in body) || !('monitor' in body))
    throw malformed('This is no message of Uptime Kuma: it has no "heartbeat" and "monitor"', hint)
  const { heartbeat, monitor } = body
  const msg = typeof body.msg === 'string' ? body.msg : ''
  // Null in what is no change of a monitor's state.
  if (heartbeat === null || monitor === null) return withoutMonitor(source, msg, now)
  if (!isObject(heartbeat) || !isObject(monitor))
    throw malformed('This is no message of Uptime Kuma: "heartbeat" and "monitor" must be objects', hint)
  const id = monitor.id ?? heartbeat.monitorID
  if (typeof id !== 'number' && typeof id !== 'string')
    throw malformed('This is no message of Uptime Kuma: its monitor has no "id"', hint)
  const status = Number(heartbeat.status)
  if (!states.includes(status))
    throw malformed('This is no message of Uptime Kuma: the "status" of its heartbeat is not 0 to 3', hint)
  // Pending may still come back, and in maintenance it was taken down: neither says that it is up again.
  if (status !== DOWN && status !== UP) return []
  return [monitorAlert(source, { id, up: status === UP, heartbeat, monitor }, now)]
}

function monitorAlert(
  source: string,
  told: {
    readonly id: number | string
    readonly up: boolean
    readonly heartbeat: Readonly<Record<string, unknown>>
    readonly monitor: Readonly<Record<string, unknown>>
  },
  now: Date,
): Alert {
  const { id, up, heartbeat, monitor } = told
  const name = line(typeof monitor.name === 'string' ? monitor.name : `monitor ${id}`, 120)
  const tags = tagsOf(monitor.tags)
  // `https://` is what the form begins with, for monitors of other types, too.
  const url = typeof monitor.url === 'string' && !/^https?:\/*$/.test(monitor.url) ? monitor.url : undefined
  const at = heartbeatTime(heartbeat.time)
  const reason = typeof heartbeat.msg === 'string' ? heartbeat.msg : ''
  const status = up ? 'resolved' : 'firing'
  return {
    source,
    fingerprint: line(`monitor/${id}`, 100),
    status,
    name,
    severity: severityOf(tags.severity, 'critical'),
    title: line(up ? `${name} is up` : `${name} is down`),
    ...textOf(reason),
    labels: labelsOf({
      monitor: name,
      kind: 'down',
      type: monitor.type,
      hostname: monitor.hostname,
      port: monitor.port,
      url,
      ...tags,
    }),
    ...timesOf({ status, startsAt: at, endsAt: at }, now),
    // The time is that of the heartbeat: while it is down each has a later one.
    vague: true,
  }
}

/** `2026-11-26 03:04:05.678`, in UTC though it does not say so. */
const heartbeatTime = (time: unknown): string | undefined =>
  typeof time === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?$/.test(time)
    ? `${time.replace(' ', 'T')}Z`
    : undefined

function tagsOf(tags: unknown): Readonly<Record<string, unknown>> {
  if (!Array.isArray(tags)) return {}
  return Object.fromEntries(
    tags.filter(isObject).map(({ name, value }) => [line(String(name), 100).toLowerCase(), value || 'yes']),
  )
}

const expiry = /^(.*?)\s*will expire in (-?\d+) days?\b/is
const CRITICAL_DAYS = 3

/** A test, or that a certificate or a domain comes to its end: of these it says nothing but a text. */
function withoutMonitor(source: string, msg: string, now: Date): readonly Alert[] {
  if (msg.trim() === '' || /\btesting\s*$/i.test(msg)) return []
  const [, what = '', days = ''] = expiry.exec(msg.slice(0, 2_000)) ?? []
  if (days === '')
    return [note(source, { name: 'UptimeKuma', key: msg, title: line(msg), text: msg.slice(0, 2_000) }, now)]
  const [, monitor = ''] = /^\[([^\]]+)\]/.exec(what) ?? []
  const certificate = /certificate/i.test(what)
  return [
    {
      source,
      fingerprint: `expiry/${hash(what)}`,
      status: 'firing',
      name: certificate ? 'CertificateExpires' : 'DomainExpires',
      severity: Number(days) <= CRITICAL_DAYS ? 'critical' : 'warning',
      title: line(msg),
      labels: labelsOf({ monitor, kind: certificate ? 'certificate' : 'domain', days }),
      startsAt: now.toISOString(),
      once: true,
    },
  ]
}
