/** Who is told of an incident, when, and when somebody else is. */
import type { AlertRoute, AlertsSettings, QuietHours, Remedy } from '../inventory/alerts-schema.ts'
import { slug } from './about.ts'
import { firingIn } from './incident.ts'
import type { About, Incident, Maintenance } from './types.ts'

const lower = (text: string): string => text.toLowerCase()

/** Whether `@all`, `@stack`, a service, a guest's name or a VMID means this. */
export function means(selector: string, { service, stack, guest, vmid }: About): boolean {
  const wanted = lower(selector)
  if (wanted === '@all') return true
  if (wanted.startsWith('@')) return stack !== undefined && lower(stack) === wanted.slice(1)
  return [service, guest, vmid === undefined ? undefined : String(vmid)].some(
    (name) => name !== undefined && lower(name) === wanted,
  )
}

/** The first that fits; undefined: none does, and the ops channels are told. */
export const routeOf = (incident: Incident, routes: readonly AlertRoute[]): AlertRoute | undefined =>
  routes.find(
    ({ severity, services, sources }) =>
      (severity === undefined || severity.includes(incident.severity)) &&
      (services === undefined || services.some((selector) => means(selector, incident.about))) &&
      (sources === undefined || incident.alerts.some(({ source }) => sources.includes(source))),
  )

/** Minutes since midnight in the time zone. */
function minuteOf(now: Date, timezone: string | undefined): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(timezone === undefined ? {} : { timeZone: timezone }),
  }).formatToParts(now)
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value ?? 0)
  return part('hour') * 60 + part('minute')
}

const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

export function isQuiet(
  { severity }: Pick<Incident, 'severity'>,
  quiet: QuietHours | undefined,
  timezone: string | undefined,
  now: Date,
): boolean {
  if (quiet === undefined || quiet.except.includes(severity)) return false
  const [from, to, at] = [minutes(quiet.from), minutes(quiet.to), minuteOf(now, timezone)]
  return from < to ? at >= from && at < to : at >= from || at < to
}

/** The maintenance that it happens in. */
export const maintenanceOf = (
  { about }: Pick<Incident, 'about'>,
  active: readonly Maintenance[],
): Maintenance | undefined =>
  active.find(
    ({ all, services, vmids }) =>
      all ||
      (about.service !== undefined && services.includes(about.service)) ||
      (about.vmid !== undefined && vmids.includes(about.vmid)),
  )

/** What is to be done about it without asking, when its budget allows. */
export const remedyOf = (incident: Incident, { remedies }: AlertsSettings): Remedy | undefined =>
  remedies.find(
    ({ alert, services }) =>
      incident.about.vmid !== undefined &&
      services.some((selector) => means(selector, incident.about)) &&
      (alert === undefined
        ? incident.key.endsWith(':down')
        : firingIn(incident).some(({ name }) => lower(name) === lower(alert) || slug(name) === slug(alert))),
  )
