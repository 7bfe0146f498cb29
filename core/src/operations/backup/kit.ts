import { z } from 'zod'
import { recoveryKit } from '../../backup/kit.ts'
import { planNamed } from '../../backup/plan.ts'
import { defineOperation } from '../../operation/define.ts'
import { planInput } from './inputs.ts'

export const backupKit = defineOperation({
  id: 'backup.kit',
  chat: 'backup kit',
  title: 'How to restore with nothing but a laptop',
  description:
    'The commands for each plan and repository, and where the keys are kept; never the keys. Print it, and keep it where a fire does not get it.',
  risk: 'read',
  permission: 'admin',
  private: true,
  input: z.object({ plan: planInput.optional() }),
  output: z.object({
    plans: z.array(z.string()),
    /** References of secrets without which nothing can be read. */
    keys: z.array(z.string()),
    /** Names of repositories without a recovery copy of their keys. */
    withoutRecovery: z.array(z.string()),
    markdown: z.string(),
  }),
  positional: ['plan'],
  examples: ['backup kit', 'backup kit postgresql'],
  needs: ['lab', 'clock'],
  run: async ({ plan }, { lab, clock }) => {
    const { inventory } = lab
    const plans = plan === undefined ? inventory.backups : [planNamed(inventory, plan)]
    const kit = recoveryKit(inventory, plans, clock.now())
    return {
      ...kit,
      keys: [...kit.keys],
      withoutRecovery: [...kit.withoutRecovery],
      plans: plans.map(({ name }) => name),
    }
  },
  card: ({ plans, keys, withoutRecovery, markdown }) => {
    if (plans.length === 0)
      return {
        title: 'Nothing is backed up',
        tone: 'warning',
        text: 'homelab.yaml has no `backups:`; homelab.example.yaml has four to begin with.',
      }
    return {
      title: 'Recovery kit',
      tone: withoutRecovery.length > 0 ? 'warning' : 'neutral',
      text: `Print it or copy it to where neither this bot nor its server is needed. It says where the keys are; it does not hold them.`,
      sections: [
        { kind: 'list', title: 'Keys that you need', items: keys },
        ...(withoutRecovery.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                title: 'No recovery copy of the keys',
                items: withoutRecovery.map(
                  (name) => `${name}: give it \`recovery:\`, kept elsewhere, and drills prove that it works`,
                ),
              },
            ]),
        { kind: 'code', title: 'The kit', text: markdown, keep: 'start' as const },
      ],
      attachments: [{ name: 'recovery-kit.md', type: 'text/markdown', text: markdown }],
    }
  },
})
