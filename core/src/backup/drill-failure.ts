/** What a drill that did not pass says of the backup, kept in the repository: a retention must not remove what came before it. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import { isUnder } from './drill-sample.ts'
import { isPassing } from './job/follow.ts'
import { pauses } from './patience.ts'
import { allOf, type Blamed, evidenceIn, type FailureNote, failedDrillTags, mostPaths } from './proofs.ts'
import { isDamage } from './restic/errors.ts'
import type { Restic } from './restic/restic.ts'

/** What is being tried, as far as it has come: what is thrown then is held against the snapshot, or against nobody. */
export interface Trial {
  readonly run: string
  /** The snapshot; undefined: none was chosen yet. */
  of?: string
  /** Those of its files that are tried. */
  files?: ReadonlySet<string>
}

/**
 * Ends of a drill that nothing else than the backup can be blamed for. Not `originals`: the dump is whole then, and it is another
 * plan's snapshot that lacks a file, or a row that has outlived it. Nor is it noted there: nobody has tried that one.
 */
const ofBackup: ReadonlySet<string> = new Set([
  'differs',
  'empty',
  'extensions',
  'globals',
  'incomplete',
  'missing',
  'not-in-snapshot',
  'restore',
  'rights',
  'rows',
  'unreadable',
])

/** Nothing was tried, or somebody has ended it. */
const untried: ReadonlySet<string> = new Set([
  'cancelled',
  'config',
  'conflict',
  'locked',
  'unreachable',
  'untrusted',
])

/** undefined: nothing was tried. By code and data alone: a run keeps no classes. */
export function blame(error: unknown, of: string | undefined): Blamed | undefined {
  if (of === undefined) return undefined
  if (!isHomelabError(error)) return 'nobody'
  if (untried.has(error.code)) return undefined
  if (isDamage(error)) return 'backup'
  const { reason, elsewhere } = error.data ?? {}
  return ofBackup.has(String(reason)) && elsewhere !== true ? 'backup' : 'nobody'
}

/**
 * Keeps it in the repository, with patience: it may be that very repository, or its lock, that was in the way.
 * @returns what the drill is to throw: that it could not be kept is said there
 */
export async function noteFailure(
  error: unknown,
  { run, of, files }: Trial,
  services: {
    readonly plan: string
    readonly restic: Pick<Restic, 'note' | 'snapshots'>
    readonly clock: Clock
  },
  verbs: Pick<Verbs, 'signal' | 'step' | 'log'>,
): Promise<unknown> {
  const whose = verbs.signal.aborted ? undefined : blame(error, of)
  if (whose === undefined || of === undefined) return error
  const named: unknown = isHomelabError(error) ? error.data?.paths : undefined
  const paths = Array.isArray(named) && files !== undefined ? toTryAgain(named.map(String), files) : []
  const note = { plan: services.plan, of, run, whose, paths }
  const why = await verbs.step<string | null>('drill: note the failure', async () => {
    try {
      await keep(note, services, verbs.signal)
      return null
    } catch (unkept) {
      verbs.signal.throwIfAborted()
      if (!isHomelabError(unkept)) throw unkept
      return unkept.message
    }
  })
  if (why === null) return error
  verbs.log(`the repository does not say that the drill failed: ${why}`)
  // What is held against nobody stops no prune.
  if (whose === 'nobody' || !isHomelabError(error)) return error
  const { code, message, hint, data } = error
  const untold = `The repository does not know of it, and a prune would go on: ${why}`
  return new HomelabError(code, message, {
    hint: hint === undefined ? untold : `${hint} ${untold}`,
    cause: error,
    ...(data === undefined ? {} : { data }),
  })
}

/**
 * What shows the same again. Of a folder that cannot be read, some files of it: a list of the snapshot that comes out of a cache
 * of ours has them as before.
 * @param files none: it is always fetched whole
 */
function toTryAgain(named: readonly string[], files: ReadonlySet<string>): readonly string[] {
  if (files.size === 0) return []
  const found = named.flatMap((path) => {
    if (files.has(path)) return [path]
    const below = [...files].filter((file) => isUnder(file, path)).slice(0, mostPaths)
    return below.length === 0 ? [path] : below
  })
  return [...new Set(found)]
}

/** Milliseconds; a prune holds its lock for some minutes. */
const patienceMs = 300_000

async function keep(
  note: FailureNote,
  { restic, clock }: { readonly restic: Pick<Restic, 'note' | 'snapshots'>; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const began = clock.monotonic()
  for (let tries = 1; ; tries += 1) {
    try {
      // Of one that was cut nobody knows whether it came to its end.
      if (tries > 1 && (await isKept(note, restic, signal))) return
      await restic.note(failedDrillTags(note), signal)
      return
    } catch (error) {
      signal.throwIfAborted()
      const passing = isPassing(error) || (isHomelabError(error) && error.code === 'locked')
      if (!passing || clock.monotonic() - began >= patienceMs) throw error
      await clock.sleep(pauses[Math.min(tries, pauses.length) - 1] ?? 0, signal)
    }
  }
}

async function isKept(
  { plan, run, of }: FailureNote,
  restic: Pick<Restic, 'snapshots'>,
  signal: AbortSignal,
): Promise<boolean> {
  const { failed } = evidenceIn(await restic.snapshots(allOf(plan), signal), plan)
  return failed.some((one) => one.run === run && one.of === of)
}
