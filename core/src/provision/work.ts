/** One run of provisioning, as its steps share it. */
import { isHomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
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

const passing = new Set(['unreachable', 'timeout', 'locked', 'failed'])

/**
 * A step that may be done again, and is: a peer that is away for a moment ends nothing.
 * @param retried which errors are tried again; default: those that may pass
 */
export function again<T extends Json>(
  { verbs, services }: Work,
  name: string,
  work: () => Promise<T>,
  retried: (code: string) => boolean = (code) => passing.has(code),
): Promise<T> {
  return verbs.step(name, async () => {
    for (const pause of PAUSES_MS) {
      try {
        return await work()
      } catch (error) {
        verbs.signal.throwIfAborted()
        if (!isHomelabError(error) || !retried(error.code)) throw error
        verbs.log(`${name}: ${error.message} Tried again in ${pause / 1000} s.`)
        await services.clock.sleep(pause, verbs.signal)
      }
    }
    return await work()
  })
}

const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'
/** Says whose something is; it keeps nothing secret. */
export const newMark = (): string =>
  Array.from({ length: 12 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('')
