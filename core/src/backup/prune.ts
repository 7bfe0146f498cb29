/** What a plan need not keep any more, and removing it. What is unproven never keeps a proven one from its place. */
import { HomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { forgetLooks } from './evidence.ts'
import {
  machineOf,
  type PlanServices,
  policyOf,
  type ResticRepository,
  resticOf,
  titleOf,
  typedName,
} from './plan.ts'
import { acceptedTags, allOf, evidenceIn, isAhead, lookedTags, shrunk, unsolved } from './proofs.ts'
import { day } from './restore-words.ts'
import type { NamedPlan } from './run.ts'

/** Milliseconds: what has no proof after so long never gets one. A run may still be at work on what is younger. */
const pendingMs = 8 * 86_400_000

export interface Prunable {
  readonly repository: string
  /** Snapshots to remove: those that are over, each with its proof; broken ones; proofs of nothing. */
  readonly remove: readonly string[]
  readonly expired: number
  readonly broken: number
  readonly kept: number
  /** The tags of each note that somebody has looked at what was in doubt. */
  readonly notes?: readonly (readonly string[])[]
}

/**
 * @param force although the newest is much smaller than the one before
 * @throws HomelabError `conflict` when it is, or when the keys may not delete; `config` without a retention
 */
export async function prunable(
  plan: NamedPlan,
  repository: ResticRepository,
  services: PlanServices & { readonly now: Date },
  { force, signal }: { readonly force: boolean; readonly signal: AbortSignal },
): Promise<Prunable> {
  const policy = policyOf(plan)
  const name = titleOf(repository)
  const typed = typedName(plan)
  if (policy.length === 0)
    throw new HomelabError('config', `The plan ${typed} says nothing of what to keep, so all is kept.`, {
      hint: 'Give it `retention:` in homelab.yaml, such as { daily: 7, weekly: 4 }.',
    })
  if (repository.append_only)
    throw new HomelabError('conflict', `${name} is append-only: these keys cannot delete there.`, {
      hint: 'Prune it from elsewhere, with keys that can.',
      data: { reason: 'append-only' },
    })
  const restic = await resticOf(repository, await machineOf(plan, services, signal), services.secrets)
  const evidence = evidenceIn(await restic.snapshots(allOf(plan.name), signal, true), plan.name)
  const { proven, pending, orphans } = evidence
  if (proven.length === 0 && pending.length + orphans.length > 0)
    throw new HomelabError(
      'conflict',
      `Nothing is removed: nothing of ${titleOf(plan)} in ${name} is proven.`,
      {
        hint: `\`backup run ${typed}\` makes one that is. Then what is broken can go.`,
      },
    )
  const ahead = proven.find(({ at }) => isAhead(at, services.now))
  if (ahead !== undefined)
    throw new HomelabError(
      'conflict',
      `Nothing is removed: the snapshot ${ahead.snapshot.slice(0, 8)} is of ${new Date(ahead.at).toISOString().slice(0, 10)}, which is to come.`,
      { hint: 'A clock was wrong. Remove that snapshot and its proof by hand: `restic forget`.' },
    )
  const [less] = shrunk(evidence, plan.shrink, services.now)
  if (less !== undefined && !force)
    throw new HomelabError(
      'conflict',
      `Nothing is removed: the newest snapshot of ${titleOf(plan)} has ${Math.round(less.percent)} % less ${less.what} than there was before (${less.before} → ${less.now}).`,
      {
        hint: `If that is right: \`${commandOf('prune', plan, repository)} force:true\`. If not, older ones are there: \`backup list ${typed}\`.`,
      },
    )
  const doubt = unsolved(evidence, services.now)
  if (doubt !== undefined && !force)
    throw new HomelabError(
      'conflict',
      `Nothing is removed: the drill of ${titleOf(plan)} in ${name} on ${day(doubt.at)} failed: an older snapshot may be the one that restores.`,
      {
        hint: `\`${commandOf('drill', plan, repository)}\` tries again; when it passes, this goes on. If you have looked: \`${commandOf('prune', plan, repository)} force:true\`.`,
      },
    )
  // The policy is counted by restic itself, over the proofs alone.
  const over = new Set(await restic.expired(policy, ['proof', `plan=${plan.name}`], signal))
  const expired = proven.filter(({ proof }) => over.has(proof))
  if (proven.length > 0 && expired.length === proven.length)
    throw new HomelabError('conflict', `The retention of ${typed} would keep nothing in ${name}.`, {
      hint: 'Mend `retention:` in homelab.yaml.',
    })
  const newest = proven.at(-1)
  const broken = pending.filter(({ at }) => services.now.getTime() - at > pendingMs)
  const notes = [
    ...(newest === undefined || less === undefined ? [] : [acceptedTags(newest)]),
    ...(doubt === undefined ? [] : [lookedTags(plan.name)]),
  ]
  return {
    repository: repository.name,
    remove: [
      ...expired.flatMap(({ snapshot, proof }) => [snapshot, proof]),
      ...broken.map(({ snapshot }) => snapshot),
      ...orphans,
    ],
    expired: expired.length,
    broken: broken.length,
    kept: proven.length - expired.length,
    // Without force neither has come so far.
    ...(notes.length === 0 ? {} : { notes }),
  }
}

/** For exactly this part of the plan, in this repository. */
const commandOf = (
  what: 'drill' | 'prune',
  { to, part, ...plan }: NamedPlan,
  { name }: ResticRepository,
): string =>
  [
    `backup ${what} ${part?.plan ?? plan.name}`,
    ...(to.length === 1 ? [] : [`repository:${name}`]),
    ...(part === undefined ? [] : [`guest:${part.vmid}`]),
  ].join(' ')

/** Safe to repeat: snapshots are named one by one, and one that is gone is gone. */
export async function prune(
  plan: NamedPlan,
  repository: ResticRepository,
  { remove, notes = [] }: Prunable,
  services: PlanServices,
  verbs: Verbs,
): Promise<void> {
  if (remove.length === 0 && notes.length === 0) return
  const restic = await resticOf(repository, await machineOf(plan, services, verbs.signal), services.secrets)
  for (const [index, tags] of notes.entries())
    await verbs.step(
      `${repository.name}/${plan.name}: accept${index === 0 ? '' : ` (${index + 1})`}`,
      async () => {
        await restic.note(tags, verbs.signal)
        return tags.length
      },
    )
  verbs.report({ text: `removing ${remove.length} snapshots from ${titleOf(repository)}` })
  await verbs.step(`${repository.name}/${plan.name}: forget`, async () => {
    const there = new Set((await restic.snapshots([], verbs.signal)).map(({ id }) => id))
    const left = remove.filter((id) => there.has(id))
    if (left.length > 0) await restic.forget(left, verbs.signal)
    const after = new Set((await restic.snapshots([], verbs.signal)).map(({ id }) => id))
    const stayed = remove.filter((id) => after.has(id))
    if (stayed.length > 0)
      throw new HomelabError('failed', `${stayed.length} snapshots are still in ${titleOf(repository)}.`)
    return left.length
  })
  forgetLooks(services.lab, repository.name)
}
