import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { ApprovalRow } from './row.ts'

export const approvalList = defineOperation({
  id: 'approval.list',
  chat: 'approval list',
  title: 'List what waits for approval',
  description: 'Changes that somebody asked for and that wait for a second yes, or for their time.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({ approvals: z.array(ApprovalRow) }),
  needs: ['approvals'],
  run: async (_input, { approvals }) => ({ approvals: [...approvals.open()] }),
  card: ({ approvals }) =>
    approvals.length === 0
      ? { title: 'Nothing waits for approval', tone: 'ok' }
      : {
          title: approvals.length === 1 ? 'One change waits' : `${approvals.length} changes wait`,
          tone: 'warning',
          sections: [
            {
              kind: 'table',
              columns: [{ name: 'Id' }, { name: 'What' }, { name: 'Asked by' }, { name: 'Waits for' }],
              rows: approvals.map(({ id, summary, caller, wants }) => [id, summary, caller.name, wants]),
            },
          ],
          choices: {
            prompt: 'Decide one',
            options: approvals.flatMap(({ id, summary }) => [
              {
                label: `Approve ${id}`,
                hint: summary,
                action: { kind: 'command' as const, text: `approval accept ${id}` },
              },
              {
                label: `Reject ${id}`,
                hint: summary,
                action: { kind: 'command' as const, text: `approval reject ${id}` },
              },
            ]),
          },
        },
})
