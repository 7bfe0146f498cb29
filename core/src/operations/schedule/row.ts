import { z } from 'zod'
import type { Cell, Tone } from '../../operation/card.ts'
import type { Schedule } from '../../operation/services.ts'

const Person = z.object({ id: z.string(), name: z.string() })

/** Schedule as an operation returns it. */
export const ScheduleRow = z.object({
  id: z.string(),
  title: z.string(),
  operation: z.string(),
  cron: z.string(),
  timezone: z.string(),
  /** Times are ISO 8601. */
  next: z.string().optional(),
  last: z
    .object({
      due: z.string(),
      at: z.string(),
      state: z.enum(['running', 'succeeded', 'failed', 'cancelled', 'skipped']),
      run: z.string().optional(),
      late: z.string().optional(),
      error: z.string().optional(),
      again: z.string().optional(),
      by: z.string().optional(),
    })
    .optional(),
  paused: z.object({ by: Person, at: z.string(), until: z.string().optional() }).optional(),
  problem: z.string().optional(),
})
export type ScheduleRow = z.infer<typeof ScheduleRow>

export const scheduleRow = (schedule: Schedule): ScheduleRow => ({ ...schedule })

export const scheduleInput = z
  .string()
  .min(1)
  .max(100)
  .describe('Schedule, as `schedule list` shows it')
  .meta({ suggest: 'schedules' })

/** `Thu 26 Nov, 03:00`: on the wall clock of the lab. @param timezone default: the machine's */
export function timeIn(timezone: string | undefined, at: string): string {
  const zone = timezone === undefined ? {} : { timeZone: timezone }
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...zone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(new Date(at))
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
  return `${part('weekday')} ${part('day')} ${part('month')}, ${part('hour')}:${part('minute')}`
}

const tones: Record<string, Tone> = { succeeded: 'ok', running: 'busy', failed: 'error' }

/** When it comes, or why it does not. */
export function nextCell({ next, paused, problem }: ScheduleRow, timezone: string | undefined): Cell {
  if (problem !== undefined) return { text: problem, tone: 'error' }
  const when = next === undefined ? 'not until it is resumed' : timeIn(timezone, next)
  return paused === undefined ? when : { text: `paused by ${paused.by.name}: ${when}`, tone: 'warning' }
}

/** How it went last. */
export function lastCell({ last }: ScheduleRow, timezone: string | undefined): Cell {
  if (last === undefined) return 'not yet'
  const more = [
    last.late,
    last.by === undefined ? undefined : `wanted by ${last.by}`,
    last.error,
    last.again === undefined ? undefined : `tried again ${timeIn(timezone, last.again)}`,
  ]
  const notes = more.filter((each) => each !== undefined)
  const text = [`${last.state}, ${timeIn(timezone, last.at)}`, ...notes].join('; ')
  return { text, tone: tones[last.state] ?? 'warning' }
}
