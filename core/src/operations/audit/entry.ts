import { z } from 'zod'
import type { Cell, Tone } from '../../operation/card.ts'

/** AuditView as an operation returns it. */
export const AuditRow = z.object({
  seq: z.int(),
  at: z.string(),
  caller: z.object({ id: z.string(), name: z.string(), surface: z.string() }),
  channel: z.string().optional(),
  command: z.string(),
  operation: z.string(),
  decision: z.string(),
  plan: z.string().optional(),
  approval: z.string().optional(),
  run: z.string().optional(),
  result: z.string().optional(),
  hash: z.string().optional(),
})
export type AuditRow = z.infer<typeof AuditRow>

const tones: Readonly<Record<string, Tone>> = {
  denied: 'error',
  refused: 'warning',
  rejected: 'warning',
  failed: 'error',
  succeeded: 'ok',
  approved: 'ok',
}

export const decisionTone = ({ decision }: AuditRow): Tone => tones[decision] ?? 'neutral'

export const decisionCell = (entry: AuditRow): Cell => ({ text: entry.decision, tone: decisionTone(entry) })

/** `2026-11-23 09:00:00`, in UTC. */
export const timeOf = ({ at }: AuditRow): string => at.slice(0, 19).replace('T', ' ')

/** `discord:1234 in discord:99`: where it was asked, by ids, which nobody can take over. */
export const placeOf = ({ caller, channel }: AuditRow): string =>
  channel === undefined ? caller.id : `${caller.id} in ${channel}`
