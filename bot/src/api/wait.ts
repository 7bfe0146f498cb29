/** A card's next state for a caller that asks instead of listening: n8n has no event streams. */
import type { Board, Posted } from '../chat/types.ts'

export interface Awaited {
  /** Seconds. */
  readonly wait: number
  readonly until: 'started' | 'done'
}

/** It asks, is done, or waits for somebody's approval: nothing more comes by itself. */
const rests = (posted: Posted): boolean =>
  posted.state !== 'working' ||
  posted.card.buttons?.some(({ action }) => action.kind === 'approve' || action.kind === 'reject') === true

/** The card as soon as it rests or, for `started`, has its run; else as it is when the time is over. */
export function awaited(
  board: Board,
  first: Posted,
  { wait, until }: Awaited,
  signal: AbortSignal,
): Promise<Posted> {
  const enough = (posted: Posted) => rests(posted) || (until === 'started' && posted.run !== undefined)
  if (wait === 0 || enough(first) || signal.aborted) return Promise.resolve(first)
  return new Promise((resolve) => {
    let last = first
    const end = () => {
      clearTimeout(timer)
      stop()
      signal.removeEventListener('abort', end)
      resolve(last)
    }
    const timer = setTimeout(end, wait * 1000)
    const stop = board.subscribe(first.place.surface, (posted) => {
      if (posted.id !== first.id) return
      last = posted
      if (enough(posted)) end()
    })
    signal.addEventListener('abort', end, { once: true })
  })
}
