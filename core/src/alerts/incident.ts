/** The life of an incident: what an alert, a person or the clock makes of it. Pure; times come in. */
import { Names } from './names.ts'
import type { About, Alert, HistoryLine, Incident, KeptIncident, Severity } from './types.ts'
import { severities } from './types.ts'

/** Alerts that are kept whole; of those beyond it is only known that they fire. */
const WHOLE = 200
const LINES = 100
/** What begins again so soon after it was over is the same problem. */
export const AGAIN_MS = 600_000
/** What says nothing of its end is over after this long. */
const ONCE_MS = 86_400_000

export interface Person {
  readonly id: string
  readonly name: string
}

/** Smaller is graver. */
export const rank = (severity: Severity): number => severities.indexOf(severity)
export const graver = (a: Severity, b: Severity): Severity => (rank(a) <= rank(b) ? a : b)

export const nameOf = ({ source, fingerprint }: Pick<Alert, 'source' | 'fingerprint'>): string =>
  `${source}/${fingerprint}`
export const isOpen = ({ state }: Pick<Incident, 'state'>): boolean => state !== 'resolved'
export const firingIn = ({ alerts }: Pick<Incident, 'alerts'>): readonly Alert[] =>
  alerts.filter(({ status }) => status === 'firing')
export const countOf = (incident: Incident): number => firingIn(incident).length + incident.over.size

export function isSilent({ silence }: Incident, now: Date): boolean {
  if (silence === undefined) return false
  return silence.until === undefined || Date.parse(silence.until) > now.getTime()
}

export function noted(incident: Incident, text: string, now: Date, by?: Person): Incident {
  const line: HistoryLine = { at: now.toISOString(), text, ...(by === undefined ? {} : { by: person(by) }) }
  const history = [...incident.history, line]
  const dropped = Math.max(0, history.length - LINES)
  return { ...incident, history: history.slice(dropped), dropped: incident.dropped + dropped }
}

const person = ({ id, name }: Person): Person => ({ id, name })

export function opened(id: string, key: string, alert: Alert, about: About, now: Date): Incident {
  const incident: Incident = {
    id,
    key,
    title: alert.title,
    severity: alert.severity,
    about,
    state: 'firing',
    openedAt: earlier(alert.startsAt, now),
    again: 0,
    alerts: [alert],
    over: Names.none,
    told: [],
    posts: 0,
    remedied: [],
    history: [],
    dropped: 0,
  }
  return noted(incident, `${alert.name} fires (${alert.source}): ${alert.title}`, now)
}

const earlier = (at: string, now: Date): string => (Date.parse(at) < now.getTime() ? at : now.toISOString())

/** @returns the same object when it says nothing new: told twice, or told late */
export function withAlert(incident: Incident, alert: Alert, now: Date): Incident {
  const index = incident.alerts.findIndex(
    ({ source, fingerprint }) => fingerprint === alert.fingerprint && source === alert.source,
  )
  const known = incident.alerts[index]
  if (known === undefined) return withUnknown(incident, alert, now)
  const vague = alert.vague === true
  const isNewer = Date.parse(alert.startsAt) > Date.parse(known.startsAt)
  const put = (changed: Alert): Incident => {
    const alerts = incident.alerts.with(index, changed)
    return {
      ...incident,
      alerts,
      severity: isOpen(incident) ? graver(incident.severity, changed.severity) : changed.severity,
      ...(index === 0 && changed.status === 'firing' ? { title: changed.title } : {}),
    }
  }
  if (alert.status === 'resolved') {
    // Of an earlier time than the one that fires now.
    if (known.status === 'resolved' || (!vague && Date.parse(alert.startsAt) < Date.parse(known.startsAt)))
      return incident
    return over(
      noted(
        put({ ...known, ...alert, startsAt: known.startsAt }),
        `${alert.name} is over (${alert.source})`,
        now,
      ),
      now,
    )
  }
  if (known.status === 'firing') {
    if (vague) return sameWords(known, alert) ? incident : put({ ...alert, startsAt: known.startsAt })
    if (isNewer) return refired(put(alert), alert, now)
    if (Date.parse(alert.startsAt) < Date.parse(known.startsAt)) return incident
    return sameWords(known, alert) ? incident : put(alert)
  }
  // What was told of the time before it was over comes late.
  if (!isNewer) return incident
  return isOpen(incident)
    ? noted(put(alert), `${alert.name} fires again (${alert.source})`, now)
    : refired(put(alert), alert, now)
}

/** It was over, seen by us or not: whoever had it in hand, or wanted to hear nothing of it, is told again. */
function refired(incident: Incident, alert: Alert, now: Date): Incident {
  const { ack: _, resolvedAt: __, silence, escalatedAt: ___, ...rest } = incident
  const kept = silence?.until === undefined || Date.parse(silence.until) <= now.getTime() ? {} : { silence }
  return noted(
    { ...rest, ...kept, state: 'firing', again: incident.again + 1 },
    `${alert.name} fires again (${alert.source})`,
    now,
  )
}

const sameWords = (a: Alert, b: Alert): boolean =>
  a.title === b.title &&
  a.text === b.text &&
  a.severity === b.severity &&
  JSON.stringify(a.card) === JSON.stringify(b.card)

function withUnknown(incident: Incident, alert: Alert, now: Date): Incident {
  const name = nameOf(alert)
  const isOver = isBeyond(incident, name)
  if (alert.status === 'resolved') {
    if (!isOver) return incident
    return over({ ...incident, over: incident.over.without(name) }, now)
  }
  if (isOver) return incident
  const severity = isOpen(incident) ? graver(incident.severity, alert.severity) : alert.severity
  if (firingIn(incident).length >= WHOLE) return { ...incident, severity, over: incident.over.with(name) }
  // Those that are over make room.
  const alerts = incident.alerts.length >= WHOLE ? firingIn(incident) : incident.alerts
  const more = { ...incident, severity, alerts: [...alerts, alert] }
  if (!isOpen(incident)) return refired(more, alert, now)
  // Of a flood the first ones are noted: the rest is a number.
  return more.alerts.length > 20
    ? more
    : noted(more, `${alert.name} fires, too (${alert.source}): ${alert.title}`, now)
}

export const keptOf = (incident: Incident): KeptIncident => ({ ...incident, over: [...incident.over] })
export const incidentOf = (kept: KeptIncident): Incident => ({ ...kept, over: Names.of(kept.over) })

/** Whether it is one of those of which only the name is kept. */
export const isBeyond = ({ over }: Pick<Incident, 'over'>, name: string): boolean => over.has(name)

/** Resolved, when nothing of it fires any more. */
function over(incident: Incident, now: Date): Incident {
  if (countOf(incident) > 0 || !isOpen(incident)) return incident
  const ends = incident.alerts.map(({ endsAt }) => Date.parse(endsAt ?? '')).filter((at) => !Number.isNaN(at))
  const end = Math.min(now.getTime(), Math.max(Date.parse(incident.openedAt), ...ends))
  return closed(incident, new Date(ends.length === 0 ? now : end), now)
}

function closed(incident: Incident, at: Date, now: Date, by?: Person): Incident {
  return noted({ ...incident, state: 'resolved', resolvedAt: at.toISOString() }, 'resolved', now, by)
}

export function acknowledged(incident: Incident, by: Person, now: Date): Incident {
  if (incident.state !== 'firing') return incident
  const acked: Incident = {
    ...incident,
    state: 'acknowledged',
    ack: { by: person(by), at: now.toISOString() },
  }
  const told = noted(acked, 'acknowledged', now, by)
  return isOnce(told) ? closed(told, now, now) : told
}

export function silenced(incident: Incident, by: Person, now: Date, until?: Date): Incident {
  const silence = {
    by: person(by),
    at: now.toISOString(),
    ...(until === undefined ? {} : { until: until.toISOString() }),
  }
  const how =
    until === undefined
      ? 'until it is over'
      : `until ${until.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  return noted({ ...incident, silence }, `silenced ${how}`, now, by)
}

export function unsilenced(incident: Incident, now: Date, by?: Person): Incident {
  if (incident.silence === undefined) return incident
  const { silence: _, ...rest } = incident
  return noted(rest, by === undefined ? 'its silence is over' : 'not silenced any more', now, by)
}

/** A person says that it is over. What fires goes on firing at its source, and comes again when that tells it anew. */
export function resolvedBy(incident: Incident, by: Person, now: Date): Incident {
  const alerts = incident.alerts.map(
    (alert): Alert =>
      alert.status === 'firing' ? { ...alert, status: 'resolved', endsAt: now.toISOString() } : alert,
  )
  return closed({ ...incident, alerts, over: Names.none }, now, now, by)
}

const isOnce = ({ alerts, over }: Incident): boolean =>
  over.size === 0 && alerts.every(({ once, status }) => once === true || status === 'resolved')

/** What the clock makes of it. */
export function aged(incident: Incident, now: Date): Incident {
  if (!isOpen(incident)) return incident
  const last = Math.max(...incident.alerts.map(({ startsAt }) => Date.parse(startsAt)))
  if (isOnce(incident) && now.getTime() - last >= ONCE_MS) {
    const alerts = incident.alerts.map(
      (alert): Alert => ({ ...alert, status: 'resolved', endsAt: now.toISOString() }),
    )
    return closed({ ...incident, alerts }, now, now)
  }
  return incident.silence !== undefined && !isSilent(incident, now) ? unsilenced(incident, now) : incident
}

/** Whether what fires now belongs to this one, which is over. */
export const isAgain = ({ resolvedAt }: Incident, now: Date): boolean =>
  resolvedAt !== undefined && now.getTime() - Date.parse(resolvedAt) < AGAIN_MS
