/**
 * Old archives of a guest, by the retention of the plan that made them. Proxmox says which are over; nothing is removed
 * while the newest is much smaller than one that is kept, or the last drill failed, and never what the plan did not make.
 */
import { HomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
import type { Archive, PruneRule } from '../proxmox/backup-types.ts'
import type { GuestRef, Proxmox } from '../proxmox/types.ts'
import { type Carried, changeMarks, isOf, lostWith, marksOf, unsolved } from './archive-notes.ts'
import type { Shrinkage } from './proofs.ts'
import { day } from './restore-words.ts'
import type { GuestPlan } from './vzdump.ts'

/** Proxmox counts no span of time; undefined: all is kept. */
export function pruneRuleOf({ retention = {} }: Pick<GuestPlan, 'retention'>): PruneRule | undefined {
  const { within: _within, ...counts } = retention
  const kept = Object.entries(counts).filter(([, count]) => (count ?? 0) > 0)
  return kept.length === 0 ? undefined : (Object.fromEntries(kept) as PruneRule)
}

export interface ArchiveNote {
  readonly volid: string
  /** Somebody says that it is right although it is smaller. */
  readonly accepted: boolean
  /** What drills of those that go have shown, which nothing else would say any more. */
  readonly carried: Carried
}

export interface ArchivesOver {
  /** Volume ids. */
  readonly remove: readonly string[]
  readonly kept: number
  /** Volume id of the newest of this plan and storage; not there without any. */
  readonly newest?: string
  /** Why nothing is removed. */
  readonly shrunk: readonly Shrinkage[]
  /** The same: when the last drill failed, milliseconds since 1970. What would go may be all that comes up. */
  readonly failed?: number
  /** What is to be noted on the newest before. */
  readonly note?: ArchiveNote
}

export interface ArchivePlace {
  readonly plan: GuestPlan
  readonly storage: string
  readonly guest: GuestRef
  readonly proxmox: Pick<Proxmox, 'backups' | 'tasks'>
}

/** @param force although the newest is smaller, or the last drill failed */
export async function archivesOver(
  { plan, storage, guest: { node, vmid, type }, proxmox: { backups } }: ArchivePlace,
  {
    force = false,
    now,
    signal,
  }: { readonly force?: boolean; readonly now: Date; readonly signal: AbortSignal },
): Promise<ArchivesOver> {
  const all = await backups.archives({ node, storage, vmid }, signal)
  const own = all.filter((archive) => isOf(archive, plan))
  const [newest] = own
  const shrunk = force ? [] : shrunkIn(own, plan.shrink)
  const rule = pruneRuleOf(plan)
  const known = { shrunk, ...(newest === undefined ? {} : { newest: newest.volid }) }
  if (newest === undefined || rule === undefined || shrunk.length > 0)
    return { remove: [], kept: own.length, ...known }
  const over = new Set(await backups.over({ node, storage, vmid, type }, rule, signal))
  const remove = own.filter(
    ({ volid, protected: kept }) => over.has(volid) && !kept && volid !== newest.volid,
  )
  const failed = unsolved(own)
  if (failed !== undefined && !force && remove.length > 0)
    return { remove: [], kept: own.length, ...known, failed }
  const lost = lostWith(
    remove,
    own.filter((archive) => !remove.includes(archive)),
    now,
  )
  const carried = failed === undefined || !force ? lost : { ...lost, looked: failed }
  const accepted = force && shrunkIn(own, plan.shrink).length > 0
  const note = { volid: newest.volid, accepted, carried }
  return {
    remove: remove.map(({ volid }) => volid),
    kept: own.length - remove.length,
    ...known,
    ...(accepted || Object.keys(carried).length > 0 ? { note } : {}),
  }
}

/** @param all of one guest, the newest first; those of others than the plan say nothing of it */
export const shrunkOf = (all: readonly Archive[], plan: GuestPlan): readonly Shrinkage[] =>
  shrunkIn(
    all.filter((archive) => isOf(archive, plan)),
    plan.shrink,
  )

/** @param own the newest first */
function shrunkIn(own: readonly Archive[], limitPercent: number): readonly Shrinkage[] {
  const from = own.findIndex((archive) => marksOf(archive).accepted)
  const compared = from < 0 ? own : own.slice(0, from + 1)
  const now = compared[0]?.size ?? 0
  const before = Math.max(0, ...compared.map(({ size }) => size))
  const percent = before === 0 ? 0 : ((before - now) / before) * 100
  return percent > limitPercent ? [{ what: 'bytes', before, now, percent }] : []
}

/** Safe to repeat: each is named, and one that is gone is gone. @param step unique in the run */
export async function removeArchives(
  { guest: { node }, proxmox: { backups, tasks } }: ArchivePlace,
  { remove, note }: Pick<ArchivesOver, 'remove' | 'note'>,
  verbs: Verbs,
  step: string,
): Promise<void> {
  if (note !== undefined)
    // First: what is gone cannot be asked any more.
    await verbs.step(`${step}: note`, async () => {
      const { volid, accepted, carried } = note
      await changeMarks(backups, { node, archive: volid }, (marks) => ({
        ...marks,
        ...(accepted ? { accepted } : {}),
        ...carried,
      }))
      return volid
    })
  for (const archive of remove) {
    await verbs.step(`${step}: remove ${archive}`, async () => {
      const upid = await backups.remove({ node, archive })
      if (upid !== '') await tasks.wait(upid, { signal: verbs.signal })
      return archive
    })
    verbs.log(`${archive} is removed: the plan keeps newer ones`)
  }
}

/** As a step keeps it. */
export const noteJson = (note: ArchiveNote | undefined): { readonly note?: Json & ArchiveNote } =>
  note === undefined ? {} : { note: note as ArchiveNote & Json }

/** Why none goes. */
export const failedText = (guest: string, failed: number): string =>
  `the last drill of ${guest} failed (${day(failed)} UTC), and what is older may be all that comes up`

/** @throws HomelabError `conflict` when the newest archive is much smaller than one before it, or the last drill failed */
export function refuseDoubtful(
  { shrunk: [less], failed, newest }: Pick<ArchivesOver, 'shrunk' | 'failed' | 'newest'>,
  guest: string,
  plan: GuestPlan,
): void {
  // By its name: without one, the newest of all storages and plans is tried.
  const drill = `\`guest drill ${guest}${newest === undefined ? '' : ` archive:${newest}`}\``
  const forced = `backup prune ${plan.name} guest:${guest} force:true`
  if (failed !== undefined)
    throw new HomelabError('conflict', `Nothing is removed: ${failedText(guest, failed)}.`, {
      hint: `${drill} tries the newest. If all is well: \`${forced}\`.`,
    })
  if (less === undefined) return
  throw new HomelabError(
    'conflict',
    `Nothing is removed: the newest archive of ${guest} has ${Math.round(less.percent)} % less bytes than there were before (${less.before} → ${less.now}).`,
    { hint: `If that is right: \`${forced}\`. If not: ${drill}.` },
  )
}
