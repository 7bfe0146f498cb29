/** One run of provisioning, as its steps share it. */
import { isHomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'
import type { Found, ProvisionServices } from './types.ts'

export interface Work {
  readonly found: Found
  readonly services: ProvisionServices
  readonly verbs: Verbs
  /** Of this run alone: what carries it was made by it, and is taken back with it. */
  readonly mark: string
}

export interface MadeWork extends Work {
  readonly guest: GuestRef
}

/** Tries of one step, and the pauses between them. */
const PAUSES_MS = [2_000, 10_000]
export const TRIES = PAUSES_MS.length + 1

/** `unclear` too: what these steps do is looked at first, and done again without harm. */
const passing = new Set(['unreachable', 'timeout', 'locked', 'failed', 'unclear'])

interface Retrying {
  readonly verbs: Verbs
  readonly services: { readonly clock: Clock }
}

/** A step that may be done again, and is: a peer that is away for a moment ends nothing. */
export function again<T extends Json>(
  { verbs, services }: Retrying,
  name: string,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  return verbs.step(name, async () => {
    for (const [attempt, pause] of PAUSES_MS.entries()) {
      try {
        return await work(attempt)
      } catch (error) {
        verbs.signal.throwIfAborted()
        if (!isHomelabError(error) || !passing.has(error.code)) throw error
        verbs.log(`${name}: ${error.message} Tried again in ${pause / 1000} s.`)
        await services.clock.sleep(pause, verbs.signal)
      }
    }
    return await work(PAUSES_MS.length)
  })
}

/** Milliseconds from the first failure within which taking something back is tried again, and the pauses between. */
const UNDO_MS = 240_000
const UNDO_PAUSES_MS = [1_000, 3_000, 10_000, 20_000]
const away = new Set(['unreachable', 'timeout', 'locked', 'unclear'])

/** What a run fails at is often away for a while, and is asked again to take back what was done there. */
export const patientUndo = (verbs: Verbs, clock: Clock): Verbs => ({
  ...verbs,
  undo: (name, revert) =>
    verbs.undo(name, async () => {
      const end = clock.monotonic() + UNDO_MS
      for (let tries = 0; ; tries += 1) {
        try {
          await revert()
          return
        } catch (error) {
          const pause = UNDO_PAUSES_MS[Math.min(tries, UNDO_PAUSES_MS.length - 1)] ?? 0
          if (!isHomelabError(error) || !away.has(error.code) || clock.monotonic() + pause >= end) throw error
          verbs.log(`undoing ${name}: ${error.message} Tried again in ${pause / 1000} s.`)
          await clock.sleep(pause)
        }
      }
    }),
})

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'
/** Says whose something is; it keeps nothing secret. */
export const newMark = (): string =>
  Array.from({ length: 12 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('')
