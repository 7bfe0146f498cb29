import { z } from 'zod'
import { parseDuration } from '../../duration.ts'
import { HomelabError } from '../../errors.ts'

const moment = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?$/

export const sinceInput = z
  .string()
  .refine(
    (text) => text === 'today' || moment.test(text) || parseDuration(text) !== undefined,
    'is like 30m, 12h, 2d, today or 2026-11-23, in UTC',
  )

/**
 * The moment that is meant, ISO 8601 in UTC as entries have it.
 * @throws HomelabError `usage` for a day that there is not
 */
export function sinceTime(text: string, now: Date): string {
  const ago = parseDuration(text)
  if (ago !== undefined) return new Date(now.getTime() - ago).toISOString()
  if (text === 'today') return `${now.toISOString().slice(0, 10)}T00:00:00.000Z`
  const [day = '', time = '00:00'] = text.replace('Z', '').split(/[T ]/)
  const then = new Date(`${day}T${time}Z`)
  // 2026-02-30 is taken for the 2nd of March otherwise.
  if (Number.isNaN(then.getTime()) || then.toISOString().slice(0, 10) !== day) {
    throw new HomelabError('usage', `There is no such time as ${text}.`, {
      hint: 'Write since:2d, since:today or since:2026-11-23.',
    })
  }
  return then.toISOString()
}
