import { z } from 'zod'
import { parseDuration } from '../../duration.ts'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Schedule, Schedules } from '../../operation/services.ts'
import { duration } from '../../operation/view.ts'
import { ScheduleRow, scheduleInput, scheduleRow, timeIn } from './row.ts'

const MAX_MS = 90 * 86_400_000
const span = (text: string): number => parseDuration(text) ?? 0

/** @throws HomelabError `not-found` */
function findSchedule(schedules: Schedules, id: string): Schedule {
  const all = schedules.list()
  const found = all.find((each) => each.id.toLowerCase() === id.toLowerCase())
  if (found !== undefined) return found
  const near = didYouMean(
    id,
    all.map((each) => each.id),
  )
  throw new HomelabError('not-found', `There is no schedule "${id.slice(0, 60)}".${near}`, {
    hint: '`schedule list` shows them all.',
  })
}

export const schedulePause = defineOperation({
  id: 'schedule.pause',
  chat: 'schedule pause',
  title: 'Pause what is scheduled',
  description:
    'Nothing of it begins by itself, for a while or until it is resumed. What goes on goes on, and what is due meanwhile is left out.',
  risk: 'change',
  immediate: true,
  permission: 'admin',
  input: z.object({
    schedule: scheduleInput,
    for: z
      .string()
      .refine((text) => span(text) > 0 && span(text) <= MAX_MS, 'up to 90 days, such as 2h or 7d')
      .optional()
      .describe('For how long: 2h, 7d. Default: until somebody resumes it'),
  }),
  output: ScheduleRow,
  positional: ['schedule', 'for'],
  examples: ['schedule pause backup/photos', 'schedule pause backup/photos 7d'],
  needs: ['schedules', 'caller', 'clock'],
  plan: async (input, { schedules }) => {
    const { id, title } = findSchedule(schedules, input.schedule)
    const length = input.for === undefined ? 'until somebody resumes it' : `for ${duration(span(input.for))}`
    return {
      summary: `Pause ${title} ${length}`,
      steps: [`${id} does not begin by itself ${length}`],
      affects: [],
      warnings: [],
      locks: [],
      state: { schedule: id, ...(input.for === undefined ? {} : { for: span(input.for) }) },
    }
  },
  run: async (input, { schedules, caller, clock }) => {
    const until = input.for === undefined ? undefined : new Date(clock.now().getTime() + span(input.for))
    return scheduleRow(await schedules.pause(input.schedule, caller, until))
  },
  card: ({ id, title, paused, timezone }) => ({
    title: `Paused: ${title}`,
    tone: 'warning',
    text:
      paused?.until === undefined
        ? 'It does not begin by itself until somebody resumes it.'
        : `It goes on after ${timeIn(timezone, paused.until)}.`,
    buttons: [{ label: 'Resume', action: { kind: 'command', text: `schedule resume ${id}` } }],
    ...(paused?.until === undefined ? {} : { footer: `time of ${timezone}` }),
  }),
})

export const scheduleResume = defineOperation({
  id: 'schedule.resume',
  chat: 'schedule resume',
  title: 'Resume a paused schedule',
  description: 'It begins by itself again from its next time on. What was due meanwhile is not caught up.',
  risk: 'change',
  immediate: true,
  permission: 'admin',
  input: z.object({ schedule: scheduleInput }),
  output: ScheduleRow,
  positional: ['schedule'],
  examples: ['schedule resume backup/photos'],
  needs: ['schedules', 'caller'],
  plan: async (input, { schedules }) => {
    const { id, title, paused } = findSchedule(schedules, input.schedule)
    return {
      summary: `Resume ${title}`,
      steps: [`${id} begins by itself again`],
      affects: [],
      warnings: [],
      locks: [],
      state: { schedule: id, paused: paused !== undefined },
    }
  },
  run: async ({ schedule }, { schedules, caller }) => scheduleRow(await schedules.resume(schedule, caller)),
  card: ({ title, next, timezone }) => ({
    title: `Resumed: ${title}`,
    tone: 'ok',
    ...(next === undefined ? {} : { text: `It begins next ${timeIn(timezone, next)}.` }),
    footer: `time of ${timezone}`,
  }),
})
