import { z } from 'zod'
import { parseDuration } from '../../duration.ts'
import type { Section } from '../../operation/card.ts'

/** A record should not be forgotten: what is wanted for longer is exposed for good. */
const MAX_MS = 90 * 86_400_000
const MIN_MS = 60_000

export const forInput = z
  .string()
  .refine((text) => {
    const ms = parseDuration(text) ?? 0
    return ms >= MIN_MS && ms <= MAX_MS
  }, 'from a minute to 90 days, such as 4h or 2d')
  .optional()

export const alarmSections = (alarms: readonly string[]): readonly Section[] =>
  alarms.length === 0 ? [] : [{ kind: 'list', title: 'Another writer was at the tunnel', items: alarms }]

export const mindSections = (warnings: readonly string[]): readonly Section[] =>
  warnings.length === 0 ? [] : [{ kind: 'list', title: 'Mind', items: warnings }]
