/**
 * An occurrence of a schedule is saved once, whichever of several bots comes first: they need not know of each other, because what
 * was saved is looked up where it is. A job's lock on its machine keeps two apart that begin in the same moment.
 */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import type { Json } from '../operation/types.ts'
import type { BackupRequest } from '../proxmox/backup-types.ts'
import { isOf } from './archive-notes.ts'
import { archivesOf } from './archives.ts'
import { machineOf, resticOf } from './plan.ts'
import { evidenceIn, isAhead, type Proven } from './proofs.ts'
import { type BackUpOptions, type BackupDone, backUp } from './run.ts'
import type { GuestBackupOptions } from './vzdump.ts'

/** When an occurrence was due, milliseconds since 1970; undefined: it is wanted now, whatever there is. */
export type Due = number | undefined

/** Milliseconds between two looks at another one's backup: doubled from the first to the last. */
const LOOK_MS = [5_000, 900_000] as const
const PATIENCE_MS = 12 * 3_600_000
/** Two bots that are due in one second begin so far apart, by chance, that the later one sees the other's task. */
const APART_MS = 10_000

/** @throws as `backUp`; `locked` when another one's backup of the plan does not end */
export async function backUpOnce(options: BackUpOptions & { readonly due: Due }): Promise<BackupDone> {
  const { due, plan, repository, verbs, services } = options
  if (due === undefined) return await backUp(options)
  const { clock } = services
  const began = clock.monotonic()
  const first = options.step ?? repository.name
  for (let turn = 1; ; turn += 1) {
    const step = turn === 1 ? first : `${first} (${turn})`
    const found = await verbs.step<Json>(`${step}: since it was due`, async () => {
      const one = await savedSince(due, options)
      return one === undefined ? null : { ...one }
    })
    if (found !== null) {
      const { snapshot, files, bytes, rows } = found as unknown as Proven
      const counts = { files, bytes, ...(rows === undefined ? {} : { rows }) }
      return { repository: repository.name, snapshot, ...counts, ms: 0, shrunk: [], already: true }
    }
    try {
      return await backUp({ ...options, step })
    } catch (error) {
      if (!isBusy(error)) throw error
      const waited = clock.monotonic() - began
      if (waited > PATIENCE_MS) throw error
      verbs.report({ text: `another bot, or somebody, backs up ${plan.name}: waiting for its end` })
      await clock.sleep(Math.min(LOOK_MS[1], LOOK_MS[0] * 2 ** (turn - 1)), verbs.signal)
    }
  }
}

const isBusy = (error: unknown): boolean => isHomelabError(error) && error.data?.reason === 'busy'

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

/** Before the first guest of a plan. */
export async function standApart({ due, services, verbs }: GuestBackupOptions): Promise<void> {
  if (due !== undefined) await services.clock.sleep(Math.random() * APART_MS, verbs.signal)
}

/** The archive of a guest that another one has made since it was due, or makes at this moment: its end is waited for. */
export async function guestSavedSince(
  { name }: Target,
  request: BackupRequest,
  { due, plan, services, verbs }: GuestBackupOptions,
): Promise<BackupDone | undefined> {
  if (due === undefined) return undefined
  const { backups } = services.proxmox
  const upid = await backups.findStart(request, new Date(due))
  if (upid === undefined) return undefined
  try {
    verbs.report({ text: `${name} is being saved by another bot, or by somebody` })
    await backups.wait(upid, { signal: verbs.signal, mayHaveEnded: true })
    const [found] = await archivesOf(services.proxmox, request, upid, verbs.signal)
    if (found === undefined || !isOf(found.archive, plan)) return undefined
    const { volid: snapshot, size: bytes } = found.archive
    return { repository: request.storage, snapshot, files: 1, bytes, ms: 0, shrunk: [], already: true }
  } catch (error) {
    verbs.signal.throwIfAborted()
    // It failed, was for another storage, or left nothing: so it is still to be done.
    if (error instanceof HomelabError) return undefined
    throw error
  }
}
