import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Approval, Approvals } from '../../operation/services.ts'

export const ApprovalRow = z.object({
  id: z.string(),
  operation: z.string(),
  summary: z.string(),
  command: z.string(),
  caller: z.object({ id: z.string(), name: z.string() }),
  wants: z.string(),
  at: z.string(),
  expiresAt: z.string(),
  beginsAt: z.string().optional(),
})

export const approvalInput = z
  .string()
  .min(1)
  .describe('Id of the approval, as its card shows it')
  .meta({ suggest: 'approvals' })

/** @throws HomelabError `not-found` naming what waits */
export function findApproval(approvals: Approvals, id: string): Approval {
  const open = approvals.open()
  const found = open.find((approval) => approval.id === id.toLowerCase())
  if (found !== undefined) return found
  throw new HomelabError('not-found', `Nothing waits for an approval under "${id.slice(0, 20)}".`, {
    hint:
      open.length === 0
        ? 'Nothing waits at all: it was decided, called off, or its time is over.'
        : `These wait: ${open.map((approval) => `${approval.id} (${approval.summary})`).join(', ')}.`,
  })
}
