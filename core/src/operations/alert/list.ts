import { z } from 'zod'
import { lastedMs, timeIn } from '../../alerts/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { IncidentRow, incidentRow } from './row.ts'

const tones = { critical: 'error', warning: 'warning', info: 'neutral' } as const

export const alertList = defineOperation({
  id: 'alert.list',
  chat: 'alert list',
  title: 'List what is wrong',
  description:
    'The open incidents, the newest first, with who has them in hand; with `all` also those that are over.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    all: z.boolean().default(false).describe('Also those that are over'),
    count: z.int().min(1).max(200).default(50).describe('How many at most'),
  }),
  output: z.object({
    incidents: z.array(IncidentRow),
    /** That times are shown in. Absent: UTC. */
    timezone: z.string().optional(),
    /** ISO 8601: when it was looked. */
    at: z.string(),
  }),
  examples: ['alert list', 'alert list all:true count:20'],
  needs: ['incidents', 'lab', 'clock'],
  run: async ({ all, count }, { incidents, lab, clock }) => {
    const { timezone } = lab.inventory
    const now = clock.now()
    const found = await incidents.list({ open: !all, limit: count })
    return {
      incidents: found.map((incident) => incidentRow(incident, now)),
      ...(timezone === undefined ? {} : { timezone }),
      at: now.toISOString(),
    }
  },
  card({ incidents, timezone, at }) {
    const now = new Date(at)
    const open = incidents.filter(({ state }) => state !== 'resolved')
    if (incidents.length === 0) return { title: 'Nothing is wrong', tone: 'ok', text: 'No incident is open.' }
    const gravest = open.some(({ severity }) => severity === 'critical')
    return {
      title:
        open.length === 0
          ? 'Nothing is wrong now'
          : `${open.length} open ${open.length === 1 ? 'incident' : 'incidents'}`,
      tone: open.length === 0 ? 'ok' : gravest ? 'error' : 'warning',
      sections: [
        {
          kind: 'table',
          columns: [
            { name: 'Incident' },
            { name: 'What' },
            { name: 'Now' },
            { name: 'Since' },
            { name: 'For' },
          ],
          rows: incidents.map((row) => [
            row.id,
            row.title,
            row.state === 'resolved'
              ? { text: 'over', tone: 'ok' }
              : { text: stateText(row), tone: row.state === 'firing' ? tones[row.severity] : 'neutral' },
            timeIn(timezone, row.openedAt, now),
            duration(lastedMs(row, now)),
          ]),
        },
      ],
      footer: `times of ${timezone ?? 'UTC'}`,
    }
  },
})

function stateText({ severity, owner, silenced, parent, held }: IncidentRow): string {
  return [
    severity,
    ...(owner === undefined ? [] : [`${owner} has it`]),
    ...(silenced ? ['silenced'] : []),
    ...(parent === undefined ? [] : [`because of ${parent}`]),
    ...(held === undefined ? [] : [held === 'quiet' ? 'quiet hours' : 'maintenance']),
  ].join(', ')
}
