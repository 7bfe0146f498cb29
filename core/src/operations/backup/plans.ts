import { z } from 'zod'
import { titleOf } from '../../backup/plan.ts'
import type { BackupEntry } from '../../inventory/schema.ts'
import { defineOperation } from '../../operation/define.ts'

export const backupPlans = defineOperation({
  id: 'backup.plans',
  chat: 'backup plans',
  title: 'List backup plans',
  description: 'What homelab.yaml says is backed up, how, where to and when.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    plans: z.array(
      z.object({
        plan: z.string(),
        title: z.string(),
        method: z.string(),
        what: z.string(),
        to: z.array(z.string()),
        schedule: z.string(),
        timezone: z.string().optional(),
      }),
    ),
  }),
  needs: ['lab'],
  run: async (_input, { lab }) => ({
    plans: lab.inventory.backups.map((plan) => ({
      plan: plan.name,
      title: titleOf(plan),
      method: plan.method,
      what: whatOf(plan),
      to: [...plan.to],
      schedule: plan.schedule,
      ...(plan.timezone === undefined ? {} : { timezone: plan.timezone }),
    })),
  }),
  card: ({ plans }) =>
    plans.length === 0
      ? {
          title: 'No backup plans',
          tone: 'warning',
          text: 'homelab.yaml has no `backups:`. homelab.example.yaml has four to begin with.',
        }
      : {
          title: `${plans.length} backup plans`,
          tone: 'neutral',
          sections: [
            {
              kind: 'table',
              columns: [
                { name: 'Plan' },
                { name: 'What' },
                { name: 'How' },
                { name: 'To' },
                { name: 'When' },
              ],
              rows: plans.map(({ plan, what, method, to, schedule, timezone }) => [
                plan,
                what,
                method,
                to.join(', '),
                timezone === undefined ? schedule : `${schedule} (${timezone})`,
              ]),
            },
          ],
          buttons: [{ label: 'How do they stand?', action: { kind: 'command', text: 'backup status' } }],
        },
})

const whatOf = (plan: BackupEntry): string => {
  if (plan.method === 'vzdump') return plan.guests.join(', ')
  if (plan.method === 'restic') return plan.paths.join(', ')
  return `${plan.service}: ${(plan.databases ?? ['all databases']).join(', ')}`
}
