import { z } from 'zod'
import { isRestic, isResticPlan, machineOf, resticOf, titleOf } from '../../backup/plan.ts'
import { nextPart, verifications } from '../../backup/verifications.ts'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Services } from '../../operation/services.ts'

export const backupVerify = defineOperation({
  id: 'backup.verify',
  chat: 'backup verify',
  title: 'Read a part of a repository',
  description:
    'Reads another part of what is stored each time and compares it with its checksums, so that all has been read after a cycle.',
  risk: 'change',
  permission: 'operator',
  deadlineMs: 2 * 86_400_000,
  input: z.object({
    repository: z.string().describe('Repository of homelab.yaml'),
    cycle: z.int().min(1).max(100).default(10).describe('Parts; 1 reads everything'),
  }),
  output: z.object({
    title: z.string(),
    part: z.int(),
    of: z.int(),
    sound: z.boolean(),
    said: z.string(),
  }),
  positional: ['repository'],
  examples: ['backup verify b2', 'backup verify b2 cycle:1'],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async plan({ repository: name, cycle }, services, { signal }) {
    const { repository, restic } = await resticNamed(name, services, signal)
    const part = nextPart(verifications(await restic.snapshots(['verified'], signal)), cycle)
    const price = repository.egress_price
    const bytes = price === undefined || price === 0 ? undefined : (await restic.stored(signal)) / cycle
    return {
      summary: `Read part ${part} of ${cycle} of ${titleOf(repository)}`,
      steps: ['reads it and compares it with its checksums', 'keeps in the repository that it was read'],
      affects: [],
      warnings:
        bytes === undefined || price === undefined
          ? []
          : [
              `It reads about ${(bytes / 1e9).toFixed(1)} GB back: about $${((bytes / 1e9) * price).toFixed(2)}.`,
            ],
      locks: [`repository/${repository.name}`],
      state: { repository: repository.name, part, cycle },
    }
  },
  async run({ repository: name, cycle }, services, verbs) {
    const { repository, restic } = await resticNamed(name, services, verbs.signal)
    const part = nextPart(verifications(await restic.snapshots(['verified'], verbs.signal)), cycle)
    verbs.report({ text: `reading part ${part} of ${cycle} of ${titleOf(repository)}` })
    const { sound, said } = await verbs.step('check', () =>
      restic.check(part, cycle, verbs.signal).then((found) => ({ ...found })),
    )
    await verbs.step('note', async () => {
      await restic.note([`verified`, `part=${part}`, `cycle=${cycle}`, `sound=${sound}`], verbs.signal)
      return part
    })
    return { title: titleOf(repository), part, of: cycle, sound, said: said.trim().slice(-3_000) }
  },
  failed: ({ sound }) => !sound,
  card: ({ title, part, of, sound, said }) =>
    sound
      ? { title: `Part ${part} of ${of} of ${title} is sound`, tone: 'ok' }
      : {
          title: `${title} is damaged`,
          tone: 'error',
          text: 'What was read is not what was stored. Back up anew to another repository before anything else, and restore from the other one.',
          sections: [{ kind: 'code', title: 'What restic found', text: said, keep: 'end' }],
        },
})

export async function resticNamed(
  name: string,
  services: Pick<Services, 'lab' | 'shells' | 'secrets'>,
  signal: AbortSignal,
) {
  const { inventory } = services.lab
  const repository = inventory.repositories.find((one) => one.name === name || one.title === name)
  const names = inventory.repositories.filter(isRestic).map((one) => one.name)
  if (repository === undefined || !isRestic(repository))
    throw new HomelabError('not-found', `No repository "${name}" of restic.${didYouMean(name, names)}`, {
      hint: names.length === 0 ? 'homelab.yaml has none.' : `There are ${names.join(', ')}.`,
    })
  const plans = inventory.backups.filter(({ to }) => to.includes(repository.name))
  const plan = plans.find(isResticPlan) ?? plans[0]
  if (plan === undefined)
    throw new HomelabError('config', `No plan backs up to ${repository.name}, so no machine has its keys.`)
  const machine = await machineOf(plan, services, signal)
  return { repository, machine, restic: await resticOf(repository, machine, services.secrets) }
}
