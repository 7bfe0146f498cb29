import { z } from 'zod'
import {
  type ArchivesOver,
  archivesOver,
  noteJson,
  refuseDoubtful,
  removeArchives,
} from '../../backup/archive-prune.ts'
import { isResticPlan, planNamed, type ResticRepository, repositoriesOf, titleOf } from '../../backup/plan.ts'
import { type Prunable, prunable, prune } from '../../backup/prune.ts'
import type { NamedPlan } from '../../backup/run.ts'
import { copyPlan, type GuestPlan } from '../../backup/vzdump.ts'
import type { BackupEntry } from '../../inventory/schema.ts'
import type { Lab } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import { planInput } from './inputs.ts'

const Counts = z.object({ repository: z.string(), expired: z.int(), broken: z.int(), kept: z.int() })

export const backupPrune = defineOperation({
  id: 'backup.prune',
  chat: 'backup prune',
  title: 'Remove what need not be kept',
  description:
    'Removes proven snapshots that the retention of the plan has no place for, and broken ones of over a week. Not when the newest is suspiciously small, nor archives of a guest whose last drill failed.',
  risk: 'destructive',
  permission: 'admin',
  deadlineMs: 86_400_000,
  input: z.object({
    plan: planInput,
    force: z
      .boolean()
      .default(false)
      .describe(
        'Although the newest is much smaller than the largest that is kept, or the last drill failed',
      ),
  }),
  output: z.object({
    title: z.string(),
    repositories: z.array(Counts),
  }),
  positional: ['plan'],
  examples: ['backup prune photos'],
  needs: ['lab', 'shells', 'secrets', 'clock', 'proxmox'],
  async plan({ plan: name, force }, services, { signal }) {
    const plan = planNamed(services.lab.inventory, name)
    const parts = await partsOf(plan, services.lab, signal)
    const repositories = repositoriesOf(services.lab.inventory, plan)
    const all: Prunable[] = []
    for (const { part, repository } of each(parts, repositories))
      all.push(
        await prunable(part, repository, { ...services, now: services.clock.now() }, { force, signal }),
      )
    const archives = await storagesOf(plan, services.lab, signal)
    const over: (ArchivesOver & { readonly text: string })[] = []
    for (const { title, guest, ...place } of archives) {
      const options = { force, now: services.clock.now(), signal }
      const found = await archivesOver({ ...place, guest, proxmox: services.proxmox }, options)
      refuseDoubtful(found, guest.name, place.plan)
      over.push({
        ...found,
        text: `${title}: ${found.remove.length} archives of ${guest.name} go, ${found.kept} stay`,
      })
    }
    return {
      summary: `Remove old snapshots of ${titleOf(plan)}`,
      steps: [
        ...over.map(({ text }) => text),
        ...all.map(
          ({ repository, expired, broken, kept }) =>
            `${repository}: ${expired} that are over and ${broken} broken ones go, ${kept} stay`,
        ),
      ],
      affects: [],
      warnings: ['What is removed cannot be brought back.'],
      locks: [`backup/${plan.name}`, ...repositories.map((repository) => `repository/${repository.name}`)],
      state: { remove: [...over, ...all].map(({ remove }) => [...remove]) },
    }
  },
  async run({ plan: name, force }, services, verbs) {
    const plan = planNamed(services.lab.inventory, name)
    const parts = await partsOf(plan, services.lab, verbs.signal)
    const repositories: z.infer<typeof Counts>[] = []
    for (const { title, ...rest } of await storagesOf(plan, services.lab, verbs.signal)) {
      const place = { ...rest, proxmox: services.proxmox }
      const step = `${title}: old archives of ${rest.guest.vmid}`
      const found = await verbs.step(step, async () => {
        const options = { force, now: services.clock.now(), signal: verbs.signal }
        const over = await archivesOver(place, options)
        refuseDoubtful(over, rest.guest.name, rest.plan)
        const { remove, kept, note } = over
        return { remove: [...remove], kept, ...noteJson(note) }
      })
      await removeArchives(place, found, verbs, step)
      const repository = `${title}, ${rest.guest.name}`
      repositories.push({ repository, expired: found.remove.length, broken: 0, kept: found.kept })
    }
    for (const { part, repository } of each(parts, repositoriesOf(services.lab.inventory, plan))) {
      const options = { force, signal: verbs.signal }
      const found = await verbs.step(`${repository.name}/${part.name}: look`, async () => {
        const about = { ...services, now: services.clock.now() }
        const { remove, accept, ...counts } = await prunable(part, repository, about, options)
        return { ...counts, remove: [...remove], ...(accept === undefined ? {} : { accept: [...accept] }) }
      })
      await prune(part, repository, found, services, verbs)
      const { remove: _remove, accept: _accept, ...counts } = found
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

/** A plan of guests has a part for each in a repository of restic. */
async function partsOf(plan: BackupEntry, lab: Lab, signal: AbortSignal): Promise<readonly NamedPlan[]> {
  if (isResticPlan(plan)) return [plan]
  const targets = await lab.resolve(plan.guests, { signal })
  return targets.map(({ guest }) => copyPlan(plan, guest.vmid, guest.node, []))
}

/** Where a plan keeps archives of guests, each guest with each. */
async function storagesOf(plan: BackupEntry, lab: Lab, signal: AbortSignal) {
  if (isResticPlan(plan)) return []
  const guests: GuestPlan = plan
  const targets = await lab.resolve(guests.guests, { signal })
  return lab.inventory.repositories
    .filter(({ name, storage }) => plan.to.includes(name) && storage !== undefined)
    .flatMap((repository) =>
      targets.map(({ guest }) => ({
        title: titleOf(repository),
        plan: guests,
        storage: repository.storage ?? '',
        guest,
      })),
    )
}

const each = (parts: readonly NamedPlan[], repositories: readonly ResticRepository[]) =>
  repositories.flatMap((repository) => parts.map((part) => ({ part, repository })))
