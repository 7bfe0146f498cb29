/** The incidents that are open, and those that were over since then. */
import type { Incident } from '../alerts/types.ts'
import { severities } from '../alerts/types.ts'
import type { Incidents } from '../operation/services.ts'
import type { DigestOutput, IncidentLine } from './types.ts'

const MOST = 500

export async function incidentsSince(
  incidents: Incidents,
  since: Date,
): Promise<NonNullable<DigestOutput['incidents']>> {
  const all = await incidents.list({ open: false, limit: MOST })
  const told = all.filter(
    ({ resolvedAt }) => resolvedAt === undefined || Date.parse(resolvedAt) >= since.getTime(),
  )
  const ids = new Set(told.map(({ id }) => id))
  // What another one caused is counted there.
  const roots = told.filter(({ parent }) => parent === undefined || !ids.has(parent))
  const lines = roots
    .map((incident) => lineOf(incident, told))
    .toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity))
  return {
    open: lines.filter(({ until }) => until === undefined),
    over: lines.filter(({ until }) => until !== undefined),
  }
}

const lineOf = (incident: Incident, all: readonly Incident[]): IncidentLine => ({
  id: incident.id,
  title: incident.title,
  severity: incident.severity,
  at: incident.openedAt,
  ...(incident.resolvedAt === undefined ? {} : { until: incident.resolvedAt }),
  ...(incident.ack === undefined ? {} : { by: incident.ack.by.name }),
  ...(incident.about.plan === undefined ? {} : { plan: incident.about.plan }),
  ...(incident.about.storage === undefined ? {} : { storage: incident.about.storage }),
  beneath: all.filter(({ parent }) => parent === incident.id).length,
})
