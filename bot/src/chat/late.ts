/** What came and went while the platform was away: one card for all of it in each channel, which grows as more is found. */
import { type Card, type Clock, duration } from '@homelab/core'
import type { Desk, Posted } from './types.ts'

/** What is found within this time is of the same outage. */
const TOGETHER_MS = 60_000
const ROWS = 20

interface Gathered {
  readonly id: string
  readonly posted: Posted[]
  at: number
}

/** @returns what is to be called with each */
export function createLate(desk: Pick<Desk, 'tell'>, clock: Clock): (posted: Posted) => void {
  const channels = new Map<string, Gathered>()
  return (posted) => {
    const { place } = posted
    const now = clock.monotonic()
    const known = channels.get(place.channel)
    const gathered =
      known !== undefined && now - known.at < TOGETHER_MS
        ? known
        : { id: `late-${posted.id}`, posted: [], at: now }
    gathered.at = now
    gathered.posted.push(posted)
    channels.set(place.channel, gathered)
    desk.tell(place, gathered.id, card(gathered.posted))
  }
}

function card(posted: readonly Posted[]): Card {
  const shown = posted.slice(0, ROWS)
  const more = posted.length - shown.length
  return {
    title:
      posted.length === 1 ? 'While I could not write here' : `While I could not write here: ${posted.length}`,
    tone: 'warning',
    text: 'This came and went meanwhile. What is still so has a message of its own.',
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'What' }, { name: 'From' }, { name: 'For' }],
        rows: shown.map(({ card: { title }, at, doneAt = at }) => [
          title,
          `${at.slice(0, 16).replace('T', ' ')} UTC`,
          duration(Math.max(0, Date.parse(doneAt) - Date.parse(at))),
        ]),
      },
    ],
    buttons: [{ label: 'All of them', action: { kind: 'command', text: 'alert list all:true' } }],
    ...(more > 0 ? { footer: `… ${more} more` } : {}),
  }
}
