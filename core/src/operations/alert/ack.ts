import { z } from 'zod'
import { isOpen } from '../../alerts/incident.ts'
import type { Incident } from '../../alerts/types.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Incidents } from '../../operation/services.ts'
import { IncidentRow, incidentInput, incidentRow } from './row.ts'

/** @throws HomelabError `not-found`, `conflict` when it is over */
export async function openIncident(incidents: Incidents, wanted: string): Promise<Incident> {
  const incident = await incidents.get(wanted)
  if (incident === undefined)
    throw new HomelabError('not-found', `There is no incident "${wanted.slice(0, 60)}".`, {
      hint: '`alert list` shows those that are open.',
    })
  if (isOpen(incident)) return incident
  throw new HomelabError('conflict', `${incident.title} (${incident.id}) is over already.`)
}

export const alertAck = defineOperation({
  id: 'alert.ack',
  chat: 'alert ack',
  title: 'Take an incident in hand',
  description:
    'Says that you look after it: it is not told to more people. When it is over and begins again, it is told anew.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: z.object({ incident: incidentInput }),
  output: IncidentRow,
  positional: ['incident'],
  examples: ['alert ack k7f3', 'alert ack plex'],
  needs: ['incidents', 'caller', 'clock'],
  plan: async ({ incident: wanted }, { incidents }) => {
    const { id, title, state } = await openIncident(incidents, wanted)
    return {
      summary: `Take in hand: ${title}`,
      steps: [`Note that ${id} is looked after`],
      affects: [],
      warnings: [],
      locks: [],
      state: { incident: id, state },
    }
  },
  run: async ({ incident }, { incidents, caller, clock }) => {
    const { id } = await openIncident(incidents, incident)
    return incidentRow(await incidents.acknowledge(id, caller), clock.now())
  },
  card: ({ id, title, owner }) => ({
    title: `In hand: ${title}`,
    tone: 'ok',
    text: `${owner ?? 'Somebody'} looks after it. It is not told to more people unless it begins again.`,
    footer: `incident ${id}`,
  }),
})

export const alertResolve = defineOperation({
  id: 'alert.resolve',
  chat: 'alert resolve',
  title: 'Say that an incident is over',
  description:
    'For what no source says the end of. What still fires at its source comes again when that tells it anew.',
  risk: 'change',
  immediate: true,
  rare: true,
  permission: 'operator',
  input: z.object({ incident: incidentInput }),
  output: IncidentRow,
  positional: ['incident'],
  examples: ['alert resolve k7f3'],
  needs: ['incidents', 'caller', 'clock'],
  plan: async ({ incident: wanted }, { incidents }) => {
    const { id, title, state } = await openIncident(incidents, wanted)
    return {
      summary: `Say that it is over: ${title}`,
      steps: [`Close ${id}`],
      affects: [],
      warnings: [],
      locks: [],
      state: { incident: id, state },
    }
  },
  run: async ({ incident }, { incidents, caller, clock }) => {
    const { id } = await openIncident(incidents, incident)
    return incidentRow(await incidents.resolve(id, caller), clock.now())
  },
  card: ({ id, title }) => ({ title: `Over: ${title}`, tone: 'ok', footer: `incident ${id}` }),
})
