/** How many incidents there are, and how soon somebody looks after them. */
import { incidentStates, severities } from '@homelab/core/alerts'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MeasuredIncident, MeasuredIncidents } from './types.ts'

const isOpen = ({ state }: MeasuredIncident): boolean => state !== 'resolved'

export function measureIncidents(
  registers: Registry[],
  desk: MeasuredIncidents,
  now: () => Date,
): () => void {
  const open = () => {
    const at = now().getTime()
    return desk.during({ from: at, to: at }).filter(isOpen)
  }
  new Gauge({
    name: 'homelab_incidents_open',
    help: 'Incidents that are not over.',
    labelNames: ['severity', 'state'],
    registers,
    collect() {
      const counts = new Map<string, number>()
      for (const { severity, state } of open()) {
        const key = `${severity} ${state}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
      for (const severity of severities)
        for (const state of incidentStates)
          if (state !== 'resolved') this.set({ severity, state }, counts.get(`${severity} ${state}`) ?? 0)
    },
  })
  const opened = new Counter({
    name: 'homelab_incidents_opened_total',
    help: 'Incidents that began since the start, or began again.',
    labelNames: ['severity'],
    registers,
  })
  const acknowledged = new Counter({
    name: 'homelab_incidents_acknowledged_total',
    help: 'Incidents that somebody acknowledged since the start.',
    labelNames: ['severity'],
    registers,
  })
  const resolved = new Counter({
    name: 'homelab_incidents_resolved_total',
    help: 'Incidents that were over since the start.',
    labelNames: ['severity'],
    registers,
  })
  const untilAck = new Histogram({
    name: 'homelab_incident_acknowledge_seconds',
    help: 'From the beginning of an incident to the first that acknowledged it.',
    labelNames: ['severity'],
    buckets: [30, 60, 300, 900, 3_600, 14_400, 43_200, 86_400],
    registers,
  })
  const lasted = new Histogram({
    name: 'homelab_incident_duration_seconds',
    help: 'From the beginning of an incident to its end.',
    labelNames: ['severity'],
    buckets: [60, 300, 900, 3_600, 14_400, 86_400, 604_800],
    registers,
  })
  for (const severity of severities)
    for (const each of [opened, acknowledged, resolved]) each.inc({ severity }, 0)

  // What was open before this start is not opened by it.
  const known = new Map(open().map((each) => [each.id, { again: each.again, acked: each.ack !== undefined }]))
  const since = (from: string, to: string) => Math.max(0, Date.parse(to) - Date.parse(from)) / 1000
  return desk.onChange((incident) => {
    const { id, severity, again, ack, openedAt, resolvedAt } = incident
    const before = known.get(id)
    if (isOpen(incident) && (before === undefined || before.again < again)) opened.inc({ severity })
    if (ack !== undefined && before?.acked !== true) {
      acknowledged.inc({ severity })
      untilAck.observe({ severity }, since(openedAt, ack.at))
    }
    if (isOpen(incident)) {
      known.set(id, { again, acked: ack !== undefined })
    } else if (before !== undefined) {
      known.delete(id)
      resolved.inc({ severity })
      if (resolvedAt !== undefined) lasted.observe({ severity }, since(openedAt, resolvedAt))
    }
  })
}
