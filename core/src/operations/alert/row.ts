/** An incident as operations give it, and the cards that all of them share. */
import { z } from 'zod'
import { countOf, firingIn, isSilent } from '../../alerts/incident.ts'
import { About, type Incident, incidentStates, Severity } from '../../alerts/types.ts'

export const incidentInput = z
  .string()
  .min(1)
  .describe('Incident, as its card says, or what it is about')
  .meta({ suggest: 'incidents' })

export const IncidentRow = z.object({
  id: z.string(),
  title: z.string(),
  severity: Severity,
  state: z.enum(incidentStates),
  about: About,
  /** ISO 8601, as the next ones. */
  openedAt: z.string(),
  resolvedAt: z.string().optional(),
  /** Alerts of it that fire. */
  firing: z.int(),
  /** Names of the sources that told of it. */
  sources: z.array(z.string()),
  /** Who has it in hand. */
  owner: z.string().optional(),
  silencedUntil: z.string().optional(),
  silenced: z.boolean(),
  /** The incident that it is folded beneath. */
  parent: z.string().optional(),
  /** Why nobody is told. */
  held: z.enum(['quiet', 'maintenance']).optional(),
})
export type IncidentRow = z.infer<typeof IncidentRow>

export function incidentRow(incident: Incident, now: Date): IncidentRow {
  const { id, title, severity, state, about, openedAt, resolvedAt, ack, silence, parent, held } = incident
  const silenced = isSilent(incident, now)
  return {
    id,
    title,
    severity,
    state,
    about,
    openedAt,
    ...(resolvedAt === undefined ? {} : { resolvedAt }),
    firing: countOf(incident),
    sources: [...new Set(firingIn(incident).map(({ source }) => source))],
    ...(ack === undefined ? {} : { owner: ack.by.name }),
    silenced,
    ...(silenced && silence?.until !== undefined ? { silencedUntil: silence.until } : {}),
    ...(parent === undefined ? {} : { parent }),
    ...(held === undefined ? {} : { held }),
  }
}
