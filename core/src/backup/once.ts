/**
 * An occurrence of a schedule is saved once, whichever of several bots comes first: they need not know of each other, because what
 * was saved is looked up where it is. A job's lock on its machine keeps two apart that begin in the same moment.
 */
import { isHomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import type { Json } from '../operation/types.ts'
import type { BackupRequest } from '../proxmox/backup-types.ts'
import { isOf } from './archive-notes.ts'
import { patiently } from './patience.ts'
import { machineOf, resticOf } from './plan.ts'
import { evidenceIn, isAhead, type Proven } from './proofs.ts'
import { type BackUpOptions, type BackupDone, backUp } from './run.ts'
import type { GuestBackupOptions } from './vzdump.ts'

/** When an occurrence was due, milliseconds since 1970; undefined: it is wanted now, whatever there is. */
export type Due = number | undefined

/** Milliseconds between two looks at another one's backup: doubled from the first to the last. */
const LOOK_MS = [5_000, 900_000] as const
/** A guest that is locked for so long was left so by a vzdump that was killed: to try it says that. */
const GUEST_MS = 6 * 3_600_000
/** Two bots that are due in one second begin so far apart, by chance, that the later one sees what the other does. */
const APART_MS = 10_000

/** @throws as `backUp`, but for the lock of a plan: whose it is is waited for */
export async function backUpOnce(options: BackUpOptions & { readonly due: Due }): Promise<BackupDone> {
  const { due, plan, repository, verbs, services } = options
  if (due === undefined) return await backUp(options)
  const { clock } = services
  const first = options.step ?? repository.name
  let since: Due = due
  for (let turn = 1; ; turn += 1) {
    const step = turn === 1 ? first : `${first} (${turn})`
    const found = await verbs.step<Json>(`${step}: since it was due`, async () => {
      const one = await patiently(() => savedSince(due, options), { clock, signal: verbs.signal })
      return one === undefined ? null : { ...one }
    })
    if (found !== null) {
      const { snapshot, files, bytes, rows } = found as unknown as Proven
      const counts = { files, bytes, ...(rows === undefined ? {} : { rows }) }
      return { repository: repository.name, snapshot, ...counts, ms: 0, shrunk: [], already: true }
    }
    try {
      return await backUp({ ...options, step, ...(since === undefined ? {} : { since }) })
    } catch (error) {
      const reason = isHomelabError(error) ? error.data?.reason : undefined
      // It came between our look and our job. Where the repository has not got it, its machine's word counts no more.
      if (reason === 'saved' && since !== undefined) {
        since = undefined
        continue
      }
      if (reason !== 'busy') throw error
      verbs.report({ text: `another bot, or somebody, backs up ${plan.name}: waiting for its end` })
      await clock.sleep(Math.min(LOOK_MS[1], LOOK_MS[0] * 2 ** (turn - 1)), verbs.signal)
    }
  }
}

async function savedSince(
  due: number,
  { plan, repository, services, verbs }: BackUpOptions,
): Promise<Proven | undefined> {
  const { signal } = verbs
  const machine = await machineOf(plan, services, signal)
  const restic = await resticOf(repository, machine, services.secrets)
  try {
    const { proven } = evidenceIn(await restic.snapshots([`plan=${plan.name}`], signal), plan.name)
    return proven.findLast(({ at }) => at >= due && !isAhead(at, services.clock.now()))
  } catch (error) {
    // It is made, or asked for, by what comes next.
    if (isHomelabError(error) && error.data?.trouble === 'no-repository') return undefined
    throw error
  }
}

/** Before the first guest of a plan. @param least share of the longest wait */
export async function standApart(
  { due, services, verbs }: Pick<GuestBackupOptions, 'due' | 'services' | 'verbs'>,
  least = 0,
): Promise<void> {
  const share = least + Math.random() * (1 - least)
  if (due !== undefined) await services.clock.sleep(share * APART_MS, verbs.signal)
}

/** The archive of a guest that another one has made since it was due, or makes at this moment: its end is waited for. */
export async function guestSavedSince(
  { name, guest }: Target,
  { node, storage }: Pick<BackupRequest, 'node' | 'storage'>,
  { due, plan, services, verbs }: GuestBackupOptions,
): Promise<BackupDone | undefined> {
  if (due === undefined) return undefined
  const { clock, proxmox } = services
  const { signal } = verbs
  // Whoever it is, and by whatever account: an archive says which plan made it, and a guest that it is being saved.
  const look = async () => {
    const archives = await proxmox.backups.archives({ node, storage, vmid: guest.vmid }, signal)
    const found = archives.find(
      (archive) =>
        archive.ctime * 1000 >= due && !isAhead(archive.ctime * 1000, clock.now()) && isOf(archive, plan),
    )
    return {
      found,
      saving: found === undefined && (await proxmox.guestStatus(guest, signal)).lock === 'backup',
    }
  }
  const began = clock.monotonic()
  for (let looks = 1; ; looks += 1) {
    const { found, saving } = await patiently(look, { clock, signal })
    if (found !== undefined && found.size > 0) {
      // It is let go ahead, so that the next guest is not begun by both.
      if (looks > 1) await standApart({ due, services, verbs }, 0.5)
      const { volid: snapshot, size: bytes } = found
      return { repository: storage, snapshot, files: 1, bytes, ms: 0, shrunk: [], already: true }
    }
    if (!saving || clock.monotonic() - began > GUEST_MS) return undefined
    verbs.report({ text: `${name} is being saved by another bot, or by somebody: waiting for its end` })
    await clock.sleep(LOOK_MS[0], signal)
  }
}
