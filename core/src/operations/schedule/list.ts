import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { lastCell, nextCell, ScheduleRow, scheduleRow } from './row.ts'

export const scheduleList = defineOperation({
  id: 'schedule.list',
  chat: 'schedule list',
  title: 'List what begins by itself',
  description: 'When each schedule comes next, how it went last, and who paused it.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    schedules: z.array(ScheduleRow),
    /** That times are shown in. Absent: the machine's. */
    timezone: z.string().optional(),
  }),
  needs: ['schedules', 'lab'],
  run: async (_input, { schedules, lab }) => {
    const { timezone } = lab.inventory
    return {
      schedules: schedules.list().map(scheduleRow),
      ...(timezone === undefined ? {} : { timezone }),
    }
  },
  card({ schedules, timezone }) {
    if (schedules.length === 0)
      return {
        title: 'Nothing is scheduled',
        tone: 'neutral',
        text: 'Backups of homelab.yaml come here with their `schedule`.',
      }
    const paused = schedules.filter((each) => each.paused !== undefined).length
    const wrong = schedules.some(({ problem, last }) => problem !== undefined || last?.state === 'failed')
    return {
      title: `${schedules.length} ${schedules.length === 1 ? 'schedule' : 'schedules'}${paused === 0 ? '' : `, ${paused} paused`}`,
      tone: wrong ? 'error' : paused > 0 ? 'warning' : 'neutral',
      sections: [
        {
          kind: 'table',
          columns: [{ name: 'Schedule' }, { name: 'Next' }, { name: 'Last' }],
          rows: schedules.map((row) => [row.id, nextCell(row, timezone), lastCell(row, timezone)]),
        },
      ],
      ...(timezone === undefined ? {} : { footer: `times of ${timezone}` }),
    }
  },
})
