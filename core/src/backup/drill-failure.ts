/** What a drill that did not pass says of the backup, kept in the repository: a retention must not remove what came before it. */
import { isHomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { type Blamed, failedDrillTags } from './proofs.ts'
import type { Restic } from './restic/restic.ts'

/** Ends of a drill that nothing else than the backup can be blamed for; a restore that failed may be the server's, and is not trusted. */
const ofBackup: ReadonlySet<string> = new Set([
  'differs',
  'extensions',
  'globals',
  'incomplete',
  'missing',
  'not-in-snapshot',
  'originals',
  'restore',
  'rights',
  'rows',
  'unreadable',
])

/** undefined: nothing was tried. By code and data alone: a run keeps no classes. */
export function blame(error: unknown): Blamed | undefined {
  if (!isHomelabError(error) || typeof error.data?.of !== 'string') return undefined
  if (['cancelled', 'unreachable', 'untrusted', 'locked'].includes(error.code)) return undefined
  const { reason, trouble } = error.data
  if (reason === 'restic') return trouble === 'unknown' ? 'backup' : 'nobody'
  return ofBackup.has(String(reason)) ? 'backup' : 'nobody'
}

/** Where it cannot be noted, the log says so: the drill failed for another reason, which is the one to tell. */
export async function noteFailure(
  error: unknown,
  { plan, restic }: { readonly plan: string; readonly restic: Restic },
  verbs: Verbs,
): Promise<void> {
  const whose = verbs.signal.aborted ? undefined : blame(error)
  if (whose === undefined || !isHomelabError(error)) return
  const of = String(error.data?.of)
  await verbs.step('drill: note the failure', async () => {
    try {
      await restic.note(failedDrillTags(plan, of, whose), verbs.signal)
      return true
    } catch (unkept) {
      verbs.signal.throwIfAborted()
      if (!isHomelabError(unkept)) throw unkept
      verbs.log(`the repository does not say that the drill failed: ${unkept.message}`)
      return false
    }
  })
}
