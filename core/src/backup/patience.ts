/** Questions to a machine that may be away for a while: asked again until it answers. Never for what changes something. */
import { isHomelabError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { isPassing } from './job/follow.ts'

/** Milliseconds between tries: the first ones are for a connection that has just been cut. */
export const pauses = [200, 1_000, 5_000]

export interface Patience {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Default: until the signal. */
  readonly tries?: number
}

/** @throws the signal's reason, what the last try threw, and what no waiting mends: a repository that does not answer is looked at later */
export async function patiently<T>(
  ask: () => Promise<T>,
  { clock, signal, tries = Number.POSITIVE_INFINITY }: Patience,
): Promise<T> {
  for (let done = 1; ; done += 1) {
    try {
      return await ask()
    } catch (error) {
      signal.throwIfAborted()
      const ofRestic = isHomelabError(error) && error.data?.trouble !== undefined
      if (done >= tries || ofRestic || !isPassing(error)) throw error
      await clock.sleep(pauses[Math.min(done, pauses.length) - 1] ?? 0, signal)
    }
  }
}
