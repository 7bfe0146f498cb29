/** Saying yes or no to a change that waits: from a terminal, or from the other platform. */
import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { Plan } from '../../operation/types.ts'
import { ApprovalRow, approvalInput, findApproval } from './row.ts'

const inputSchema = z.object({ approval: approvalInput })

const planFor = (verb: string, approval: z.infer<typeof ApprovalRow>): Plan => ({
  summary: `${verb}: ${approval.summary}`,
  steps: [`${verb} what ${approval.caller.name} asked for: ${approval.command}`],
  affects: [],
  warnings: [],
  locks: [],
  state: { approval: approval.id },
})

export const approvalAccept = defineOperation({
  id: 'approval.accept',
  chat: 'approval accept',
  title: 'Approve a change that waits',
  description: 'The change begins at once, unless the state has changed since it was asked for.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: inputSchema,
  output: ApprovalRow,
  positional: ['approval'],
  examples: ['approval accept 3fa91c'],
  needs: ['approvals', 'caller'],
  plan: async ({ approval }, { approvals }) => planFor('Approve', findApproval(approvals, approval)),
  run: async ({ approval }, { approvals, caller }) =>
    approvals.decide(findApproval(approvals, approval).id, true, caller),
  card: ({ summary, caller, id }) => ({
    title: `Approved: ${summary}`,
    tone: 'ok',
    text: `${caller.name}'s card shows how it goes.`,
    footer: `approval ${id}`,
  }),
})

export const approvalReject = defineOperation({
  id: 'approval.reject',
  chat: 'approval reject',
  title: 'Call off a change that waits',
  description: 'Nothing is done. Whoever asked for it is told who said no.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: inputSchema,
  output: ApprovalRow,
  positional: ['approval'],
  examples: ['approval reject 3fa91c'],
  needs: ['approvals', 'caller'],
  plan: async ({ approval }, { approvals }) => planFor('Call off', findApproval(approvals, approval)),
  run: async ({ approval }, { approvals, caller }) =>
    approvals.decide(findApproval(approvals, approval).id, false, caller),
  card: ({ summary, id }) => ({
    title: `Called off: ${summary}`,
    tone: 'neutral',
    footer: `approval ${id}`,
  }),
})
