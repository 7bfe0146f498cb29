import { z } from 'zod'
import { forgetLooks } from '../../backup/evidence.ts'
import { backUpOnce } from '../../backup/once.ts'
import { isResticPlan, machineOf, planNamed, repositoriesOf, titleOf } from '../../backup/plan.ts'
import { backUpGuests } from '../../backup/vzdump.ts'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { shared } from '../../operation/locks.ts'
import type { Plan } from '../../operation/types.ts'
import { bytes, duration } from '../../operation/view.ts'
import { planInput, repositoryInput, Shrunk, shrunkText } from './inputs.ts'

const days = 86_400_000

const Done = z.object({
  repository: z.string(),
  /** restic's snapshot, or a volume id of Proxmox. */
  snapshot: z.string(),
  /** Of vzdump: the guest. */
  guest: z.string().optional(),
  files: z.number().optional(),
  bytes: z.number(),
  rows: z.number().optional(),
  /** Bytes that were new. */
  added: z.number().optional(),
  ms: z.number(),
  shrunk: z.array(Shrunk).readonly(),
  /** Another bot, or somebody, had saved it since it was due. */
  already: z.literal(true).optional(),
})

export const backupRun = defineOperation({
  id: 'backup.run',
  chat: 'backup run',
  title: 'Back up now',
  description:
    'Runs a plan of homelab.yaml where its data is, reads a dump to its end before it is saved, reads back a part of what was saved, and says done only when the proof is in the repository.',
  risk: 'change',
  permission: 'operator',
  deadlineMs: 7 * days,
  input: z.object({
    plan: planInput,
    repository: repositoryInput,
    init: z.boolean().default(false).describe('Make the repository first, when there is none'),
    due: z.iso
      .datetime()
      .optional()
      .describe('When it was due: what is proven since then is not saved again. Default: it is wanted now'),
  }),
  output: z.object({ plan: z.string(), title: z.string(), done: z.array(Done) }),
  positional: ['plan'],
  examples: ['backup run postgresql', 'backup run photos repository:b2 init:true'],
  needs: ['lab', 'shells', 'secrets', 'clock', 'proxmox'],
  async plan({ plan: name, repository: only }, services, { signal }): Promise<Plan> {
    const { lab } = services
    const plan = planNamed(lab.inventory, name)
    const repositories = chosen(plan.to, only)
    const locks = [
      `backup/${plan.name}`,
      ...repositories.map((repository) => shared(`repository/${repository}`)),
    ]
    const to = repositories.join(' and ')
    if (!isResticPlan(plan)) {
      const targets = await lab.resolve(plan.guests, { signal })
      const affects =
        plan.mode === 'snapshot'
          ? []
          : targets.map((target) => ({ name: target.name, why: `is ${plan.mode}ped meanwhile` }))
      return {
        summary: `Back up ${targets.length} guests to ${to}`,
        steps: targets.map((target) => `vzdump of ${target.name} (${plan.mode})`),
        affects,
        warnings: [],
        locks,
        state: { guests: targets.map(({ guest }) => guest.vmid), to: repositories },
      }
    }
    const machine = await machineOf(plan, services, signal)
    const what =
      plan.method === 'restic' ? plan.paths.join(', ') : (plan.databases ?? ['all databases']).join(', ')
    return {
      summary: `Back up ${titleOf(plan)} to ${to}`,
      steps: [
        ...(plan.method === 'pg_dump' ? [`pg_dump of ${what} on ${machine.name}, read to its end`] : []),
        `restic saves ${plan.method === 'restic' ? what : 'the dump'} from ${machine.name} to ${to}`,
        'a file of it, by chance, is read back out of the repository',
        'the proof is saved beside it, and looked up',
      ],
      affects: (plan.pause?.guests ?? []).map((guest) => ({ name: guest, why: 'is stopped meanwhile' })),
      warnings: [],
      locks,
      state: { plan: plan.name, machine: machine.name, to: repositories },
    }
  },
  async run({ plan: name, repository: only, init, due: moment }, services, verbs) {
    const { lab } = services
    const plan = planNamed(lab.inventory, name)
    const wanted = chosen(plan.to, only)
    const due = moment === undefined ? undefined : Date.parse(moment)
    if (!isResticPlan(plan)) {
      const done = await backUpGuests({ plan, repositories: wanted, services, verbs, init, due })
      return { plan: plan.name, title: titleOf(plan), done: [...done] }
    }
    const done: z.infer<typeof Done>[] = []
    const failed: HomelabError[] = []
    for (const repository of repositoriesOf(lab.inventory, plan)) {
      if (!wanted.includes(repository.name)) continue
      try {
        const one = await backUpOnce({ plan, repository, services, verbs, init, due })
        done.push({ ...one, shrunk: [...one.shrunk] })
      } catch (error) {
        verbs.signal.throwIfAborted()
        // One repository that is away must not keep the others from being filled.
        if (!isHomelabError(error)) throw error
        verbs.log(`${titleOf(repository)}: ${error.message}`)
        failed.push(error)
      } finally {
        forgetLooks(lab, repository.name)
      }
    }
    const [first, ...more] = failed
    if (first === undefined) return { plan: plan.name, title: titleOf(plan), done }
    if (done.length === 0 && more.length === 0) throw first
    throw new HomelabError(
      first.code,
      `${titleOf(plan)} is in ${done.length} of ${done.length + failed.length} repositories: ${failed.map(({ message }) => message).join(' ')}`,
      { ...(first.hint === undefined ? {} : { hint: first.hint }), cause: first },
    )
  },
  card: ({ title, done }) => {
    const less = done.flatMap(({ shrunk }) => shrunk)
    const already = done.every((one) => one.already === true)
    return {
      title: `${title} is backed up`,
      tone: less.length > 0 ? 'warning' : 'ok',
      ...(less.length === 0
        ? already
          ? { text: 'Another bot, or somebody, had saved it since it was due.' }
          : {}
        : {
            text: `It is proven, but smaller than it was (${less.map(shrunkText).join('; ')}). Nothing older is removed until somebody has looked.`,
          }),
      sections: [
        {
          kind: 'table',
          columns: [
            { name: 'To' },
            { name: 'Snapshot' },
            { name: 'Size', align: 'right' },
            { name: 'New', align: 'right' },
            { name: 'Took', align: 'right' },
          ],
          rows: done.map((one) => [
            one.repository,
            one.guest ?? one.snapshot.slice(0, 8),
            bytes(one.bytes),
            one.added === undefined ? '–' : bytes(one.added),
            one.already === true ? 'was there' : duration(one.ms),
          ]),
        },
      ],
    }
  },
})

function chosen(to: readonly string[], only: string | undefined): readonly string[] {
  if (only === undefined) return to
  if (to.includes(only)) return [only]
  throw new HomelabError('not-found', `The plan does not back up to "${only}".`, {
    hint: `It has ${to.join(', ')}.`,
  })
}
