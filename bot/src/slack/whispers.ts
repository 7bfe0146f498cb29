/** What one person alone sees. It cannot be edited, so only what is worth an answer is said. */
import type { Clock } from '@homelab/core'
import { actionsOf } from '../chat/buttons.ts'
import type { Posted } from '../chat/types.ts'
import { isAlone } from './people.ts'

/** Milliseconds without an answer after which somebody wonders whether they were heard. */
const SLOW_MS = 2_000

/** A change that runs, or waits for somebody else, is for everybody, whatever it was taken for before. */
export const isWhispered = ({ private: alone, place, run, card }: Posted): boolean =>
  alone === true &&
  !isAlone(place.channel) &&
  run === undefined &&
  !actionsOf(card).some(({ kind }) => kind === 'approve' || kind === 'reject')

/** Says once that it is being worked on, when the answer takes its time. */
export function createPatience(clock: Clock, onError: (error: unknown) => void) {
  const waiting = new Map<string, AbortController>()
  return {
    begin(cardId: string, say: () => Promise<unknown>): void {
      if (waiting.has(cardId)) return
      const over = new AbortController()
      waiting.set(cardId, over)
      clock
        .sleep(SLOW_MS, over.signal)
        .then(say)
        .catch((error: unknown) => {
          if (!over.signal.aborted) onError(error)
        })
    },
    end(cardId: string): void {
      waiting.get(cardId)?.abort()
      waiting.delete(cardId)
    },
  }
}
