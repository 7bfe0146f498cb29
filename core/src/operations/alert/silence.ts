import { z } from 'zod'
import { timeIn } from '../../alerts/card.ts'
import { parseDuration } from '../../duration.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { openIncident } from './ack.ts'
import { IncidentRow, incidentInput, incidentRow } from './row.ts'

const MAX_MS = 30 * 86_400_000
const span = (text: string): number => parseDuration(text) ?? 0
const WithZone = IncidentRow.extend({ timezone: z.string().optional(), at: z.string() })

export const alertSilence = defineOperation({
  id: 'alert.silence',
  chat: 'alert silence',
  title: 'Silence an incident',
  description:
    'Nobody is told of it for a while, or until it is over. If it still fires then, it is told anew; so is what begins again after it was over.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: z.object({
    incident: incidentInput,
    for: z
      .string()
      .refine((text) => span(text) > 0 && span(text) <= MAX_MS, 'up to 30 days, such as 1h or 2d')
      .optional()
      .describe('For how long: 1h, 4h. Default: until it is over'),
  }),
  output: WithZone,
  positional: ['incident', 'for'],
  examples: ['alert silence k7f3 1h', 'alert silence plex'],
  needs: ['incidents', 'caller', 'clock', 'lab'],
  plan: async (input, { incidents }) => {
    const { id, title } = await openIncident(incidents, input.incident)
    const count = await incidents.wouldSilence(id)
    const length = input.for === undefined ? 'until it is over' : `for ${duration(span(input.for))}`
    const what = count === 1 ? '1 alert' : `${count} alerts`
    return {
      summary: `Silence ${title} ${length}: ${what} would make no sound now`,
      steps: [`Nobody is told of ${id} ${length}`],
      affects: [],
      warnings: [],
      locks: [],
      // One alert is what the button says; more than that is worth a question.
      ...(count > 1 ? { confirm: true } : {}),
      state: { incident: id, ...(input.for === undefined ? {} : { for: span(input.for) }) },
    }
  },
  run: async (input, { incidents, caller, clock, lab }) => {
    const { id } = await openIncident(incidents, input.incident)
    const now = clock.now()
    const until = input.for === undefined ? undefined : new Date(now.getTime() + span(input.for))
    const { timezone } = lab.inventory
    return {
      ...incidentRow(await incidents.silence(id, caller, until), clock.now()),
      ...(timezone === undefined ? {} : { timezone }),
      at: now.toISOString(),
    }
  },
  card: ({ id, title, firing, silencedUntil, timezone, at }) => ({
    title: `Silenced: ${title}`,
    tone: 'ok',
    text: `${firing === 1 ? '1 alert makes' : `${firing} alerts make`} no sound ${
      silencedUntil === undefined
        ? 'until it is over'
        : `until ${timeIn(timezone, silencedUntil, new Date(at))}`
    }.`,
    buttons: [{ label: 'Unsilence', action: { kind: 'command', text: `alert unsilence ${id}` } }],
    footer: `incident ${id} · times of ${timezone ?? 'UTC'}`,
  }),
})

export const alertUnsilence = defineOperation({
  id: 'alert.unsilence',
  chat: 'alert unsilence',
  title: 'End the silence of an incident',
  description: 'What still fires is told at once.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: z.object({ incident: incidentInput }),
  output: IncidentRow,
  positional: ['incident'],
  examples: ['alert unsilence k7f3'],
  needs: ['incidents', 'caller', 'clock'],
  plan: async ({ incident: wanted }, { incidents }) => {
    const { id, title, silence } = await openIncident(incidents, wanted)
    return {
      summary: `End the silence of ${title}`,
      steps: [silence === undefined ? `${id} is not silenced` : `${id} is told again`],
      affects: [],
      warnings: [],
      locks: [],
      state: { incident: id, silenced: silence !== undefined },
    }
  },
  run: async ({ incident }, { incidents, caller, clock }) => {
    const { id } = await openIncident(incidents, incident)
    return incidentRow(await incidents.unsilence(id, caller), clock.now())
  },
  card: ({ id, title }) => ({
    title: `Not silenced any more: ${title}`,
    tone: 'ok',
    footer: `incident ${id}`,
  }),
})
