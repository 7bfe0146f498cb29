import { isLarge, lighter } from './lighter.ts'
import type { Board, Place, Posted } from './types.ts'

/** Where cards are kept so that a restart finds them again. */
export interface CardStore {
  save(posted: Posted): Promise<void>
  /** The newest, and all that are not done, however old. The oldest first. */
  load(limit: number): Promise<readonly Posted[]>
}

export interface WritableBoard extends Board {
  /** Shows a card, new or changed. */
  put(posted: Posted): Posted
  /** Resolves when all that was shown is stored. */
  flush(): Promise<void>
}

/** Cards in memory; older ones are only in the store. */
const KEPT = 500
/** Of them, whole ones that are large. */
const LARGE_KEPT = 20

/** @param onError called when a card could not be stored: it is shown all the same */
export async function openBoard(
  store: CardStore | undefined,
  onError: (error: unknown) => void,
): Promise<WritableBoard> {
  const cards = new Map<string, Posted>()
  for (const posted of (await store?.load(KEPT)) ?? []) cards.set(posted.id, posted)
  const listeners = new Map<string, Set<(posted: Posted) => void>>()
  let saving: Promise<void> = Promise.resolve()
  const large: string[] = []

  /** What was shown is on its platform: of the large ones only the newest are kept whole. */
  const lightenOldest = (id: string) => {
    if (!large.includes(id)) large.push(id)
    const oldest = large.length > LARGE_KEPT ? large.shift() : undefined
    const posted = oldest === undefined ? undefined : cards.get(oldest)
    if (posted !== undefined) cards.set(posted.id, lighter(posted))
  }

  const matches = (posted: Posted, place: Partial<Place>) =>
    (place.surface === undefined || posted.place.surface === place.surface) &&
    (place.channel === undefined || posted.place.channel === place.channel)

  return {
    get: (id) => cards.get(id),
    recent: (place, limit) => [...cards.values()].filter((posted) => matches(posted, place)).slice(-limit),
    subscribe(surface, listener) {
      const all = listeners.get(surface) ?? new Set()
      listeners.set(surface, all.add(listener))
      return () => all.delete(listener)
    },
    put(posted) {
      const before = cards.get(posted.id)
      cards.set(posted.id, posted)
      if (cards.size > KEPT) forgetOldest(cards)
      if (posted.state === 'done' && isLarge(posted)) lightenOldest(posted.id)
      if (before === undefined || !isProgress(before, posted))
        saving = saving.then(() => store?.save(posted)).catch(onError)
      for (const listener of listeners.get(posted.place.surface) ?? []) {
        try {
          listener(posted)
        } catch (error) {
          onError(error)
        }
      }
      return posted
    },
    flush: () => saving,
  }
}

/** Progress is the run's own to keep; the store has what a restart could not find out again. */
const isProgress = (before: Posted, now: Posted): boolean =>
  now.run !== undefined &&
  now.run === before.run &&
  now.state === before.state &&
  now.state === 'working' &&
  now.also === before.also

function forgetOldest(cards: Map<string, Posted>): void {
  for (const [id, posted] of cards) {
    if (posted.state !== 'done') continue
    cards.delete(id)
    return
  }
}
