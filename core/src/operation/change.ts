/** What to do when a change's answer is lost. Shared by the inline and the durable runner, so that both are as careful. */
import { HomelabError, isHomelabError, TransportError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { ChangeSpec, Json } from './types.ts'

/** True when the change may have happened although `act` threw. */
export const isUnclear = (error: unknown): boolean =>
  (error instanceof TransportError && error.sent) || (isHomelabError(error) && error.code === 'unclear')

export interface Look<T extends Json> {
  readonly spec: ChangeSpec<T>
  readonly since: Date
  readonly claimed: (result: T) => boolean
  readonly clock: Clock
  /** How long a change that did arrive may take to show. */
  readonly settleMs: number
  readonly signal: AbortSignal
}

/** Looks again and again until the change shows or the settling time is over. A failed look counts as not knowing. */
export async function lookFor<T extends Json>(look: Look<T>): Promise<{ found?: T; sure: boolean }> {
  const end = look.clock.monotonic() + look.settleMs
  let sure = false
  for (;;) {
    try {
      const found = await look.spec.find({ since: look.since, claimed: look.claimed })
      if (found !== undefined) return { found, sure: true }
      sure = true
    } catch (error) {
      look.signal.throwIfAborted()
      if (look.clock.monotonic() >= end) throw error
      sure = false
    }
    if (look.clock.monotonic() >= end) return { sure }
    await look.clock.sleep(500, look.signal)
  }
}

/** The error of a change of which nobody knows whether it happened. It was not repeated. */
export function unclear(name: string, cause: unknown): HomelabError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HomelabError(
    'unclear',
    `Nobody answered whether "${name}" was done, and no trace of it shows: ${reason}`,
    {
      hint: 'It was not repeated. Look with `status` and `task list`, then decide.',
      cause,
    },
  )
}
