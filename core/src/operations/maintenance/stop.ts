import { z } from 'zod'
import { timeIn } from '../../alerts/card.ts'
import { Maintenance } from '../../alerts/types.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Maintenances } from '../../operation/services.ts'
import { duration } from '../../operation/view.ts'

/** By its id, by what it covers, or the only one that there is. @throws HomelabError `not-found`, `ambiguous` */
function findMaintenance(maintenances: Maintenances, wanted: string | undefined): Maintenance {
  const active = maintenances.active()
  const name = wanted?.toLowerCase()
  const found = active.filter(
    ({ id, what }) => name === undefined || id === name || what.some((each) => each.toLowerCase() === name),
  )
  const [only, ...others] = found
  if (only === undefined)
    throw new HomelabError(
      'not-found',
      wanted === undefined
        ? 'No maintenance is going on.'
        : `There is no maintenance "${wanted.slice(0, 60)}".`,
      { hint: '`maintenance list` shows those that are going on.' },
    )
  if (others.length === 0) return only
  throw new HomelabError('ambiguous', `${found.length} are going on.`, {
    hint: `Name one: ${found.map(({ id, what }) => `${id} (${what.join(', ')})`).join(', ')}.`,
  })
}

export const maintenanceStop = defineOperation({
  id: 'maintenance.stop',
  chat: 'maintenance stop',
  title: 'End maintenance',
  description: 'Ends it before its time, and says what it held back.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: z.object({
    maintenance: z.string().optional().describe('Its ID, or what it covers. Default: the only one'),
  }),
  output: Maintenance,
  positional: ['maintenance'],
  examples: ['maintenance stop', 'maintenance stop plex'],
  needs: ['maintenances', 'caller'],
  plan: async ({ maintenance: wanted }, { maintenances }) => {
    const { id, what, incidents } = findMaintenance(maintenances, wanted)
    return {
      summary: `End the maintenance of ${what.join(', ')}`,
      steps: [`Tell what it held back (${incidents.length} so far)`, 'Let its backups go on'],
      affects: [],
      warnings: [],
      locks: [],
      state: { maintenance: id },
    }
  },
  run: async ({ maintenance }, { maintenances, caller }) =>
    await maintenances.stop(findMaintenance(maintenances, maintenance).id, caller),
  card: ({ id, what, incidents }) => ({
    title: `Over: maintenance of ${what.join(', ')}`,
    tone: 'ok',
    text:
      incidents.length === 0
        ? 'It held back nothing.'
        : `It held back ${incidents.length}: they are told now.`,
    footer: `maintenance ${id}`,
  }),
})

export const maintenanceList = defineOperation({
  id: 'maintenance.list',
  chat: 'maintenance list',
  title: 'List maintenance',
  description: 'What is being worked on, by whom, until when, and what it held back so far.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    maintenances: z.array(Maintenance),
    timezone: z.string().optional(),
    /** ISO 8601: when it was looked. */
    at: z.string(),
  }),
  needs: ['maintenances', 'lab', 'clock'],
  run: async (_input, { maintenances, lab, clock }) => {
    const { timezone } = lab.inventory
    return {
      maintenances: [...maintenances.active()],
      ...(timezone === undefined ? {} : { timezone }),
      at: clock.now().toISOString(),
    }
  },
  card({ maintenances, timezone, at }) {
    if (maintenances.length === 0) return { title: 'No maintenance is going on', tone: 'neutral' }
    const now = new Date(at)
    return {
      title: maintenances.length === 1 ? '1 maintenance' : `${maintenances.length} maintenances`,
      tone: 'neutral',
      sections: [
        {
          kind: 'table',
          columns: [
            { name: 'Id' },
            { name: 'What' },
            { name: 'By' },
            { name: 'Until' },
            { name: 'Held back' },
          ],
          rows: maintenances.map(({ id, what, by, until, incidents }) => [
            id,
            what.join(', '),
            by.name,
            `${timeIn(timezone, until, now)} (${duration(Math.max(0, Date.parse(until) - now.getTime()))})`,
            String(incidents.length),
          ]),
        },
      ],
      footer: `times of ${timezone ?? 'UTC'}`,
    }
  },
})
