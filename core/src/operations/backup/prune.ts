import { z } from 'zod'
import { isResticPlan, planNamed, repositoriesOf, titleOf } from '../../backup/plan.ts'
import { type Prunable, prunable, prune } from '../../backup/prune.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { planInput } from './inputs.ts'

export const backupPrune = defineOperation({
  id: 'backup.prune',
  chat: 'backup prune',
  title: 'Remove what need not be kept',
  description:
    'Removes proven snapshots that the retention of the plan has no place for, and broken ones of over a week. Not when the newest is suspiciously small.',
  risk: 'destructive',
  permission: 'admin',
  deadlineMs: 86_400_000,
  input: z.object({
    plan: planInput,
    force: z.boolean().default(false).describe('Although the newest is much smaller than the one before'),
  }),
  output: z.object({
    title: z.string(),
    repositories: z.array(
      z.object({ repository: z.string(), expired: z.int(), broken: z.int(), kept: z.int() }),
    ),
  }),
  positional: ['plan'],
  examples: ['backup prune photos'],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async plan({ plan: name, force }, services, { signal }) {
    const plan = resticPlan(planNamed(services.lab.inventory, name))
    const repositories = repositoriesOf(services.lab.inventory, plan)
    const all: Prunable[] = []
    for (const repository of repositories)
      all.push(
        await prunable(plan, repository, { ...services, now: services.clock.now() }, { force, signal }),
      )
    return {
      summary: `Remove old snapshots of ${titleOf(plan)}`,
      steps: all.map(
        ({ repository, expired, broken, kept }) =>
          `${repository}: ${expired} that are over and ${broken} broken ones go, ${kept} stay`,
      ),
      affects: [],
      warnings: ['What is removed cannot be brought back.'],
      locks: [`backup/${plan.name}`, ...repositories.map((repository) => `repository/${repository.name}`)],
      state: { remove: all.map(({ remove }) => [...remove]) },
    }
  },
  async run({ plan: name, force }, services, verbs) {
    const plan = resticPlan(planNamed(services.lab.inventory, name))
    const repositories = []
    for (const repository of repositoriesOf(services.lab.inventory, plan)) {
      const options = { force, signal: verbs.signal }
      const found = await verbs.step(`${repository.name}: look`, async () => {
        const { remove, ...rest } = await prunable(
          plan,
          repository,
          { ...services, now: services.clock.now() },
          options,
        )
        return { ...rest, remove: [...remove] }
      })
      await prune(plan, repository, found, services, verbs)
      const { remove: _remove, ...counts } = found
      repositories.push(counts)
    }
    return { title: titleOf(plan), repositories }
  },
  card: ({ title, repositories }) => ({
    title: `${title} is pruned`,
    tone: 'ok',
    sections: [
      {
        kind: 'list',
        items: repositories.map(
          ({ repository, expired, broken, kept }) =>
            `${repository}: ${expired + broken} removed, ${kept} proven ones kept`,
        ),
      },
    ],
  }),
})

function resticPlan(plan: ReturnType<typeof planNamed>) {
  if (isResticPlan(plan)) return plan
  throw new HomelabError('usage', `Proxmox itself prunes ${titleOf(plan)}, with each backup.`, {
    hint: 'Its `retention:` in homelab.yaml says what it keeps.',
  })
}
