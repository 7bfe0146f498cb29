/** Steps that came into an operation after runs of it had begun. */
import type { Json, Verbs } from './types.ts'

/**
 * A step that a run of an earlier version does not have in its journal. One that is only undone may not begin it any more,
 * and comes past it all the same: behind it are the changes and the undos that it knows. Whatever is new there is refused, too.
 * @param otherwise what is known without it
 */
export async function addedStep<T extends Json>(
  verbs: Verbs,
  name: string,
  otherwise: T,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await verbs.step(name, work)
  } catch (error) {
    if (!verbs.signal.aborted || error !== verbs.signal.reason) throw error
    return otherwise
  }
}
