/** A card on its way: what is to be done for it next, and how urgent that is. */
import type { Alarm } from './courier-alarm.ts'
import type { Batch } from './courier-log.ts'
import { hashOf, isTold, type Ref, wantsMention } from './courier-ref.ts'
import type { Posted } from './types.ts'

/** Times are of `clock.monotonic()`. */
export interface CardState {
  /** The newest. */
  posted: Posted
  hash: string
  ref: Ref
  /** The newest state was not shown yet. */
  unshown: boolean
  /** Somebody deleted the message. */
  deleted: boolean
  /** A call for it is on its way. */
  busy: boolean
  /** Smaller has waited longer. */
  order: number
  paceUntil: number
  retryAt: number
  failures: number
  bugs: number
  lostBefore: boolean
  /** Showing it was tried, by this process or maybe by one before. */
  tried: boolean
  batch: Batch | undefined
  /** Its run's log is followed. */
  watched: boolean
  reading: boolean
  logOver: boolean
  /** Rings when its run's log is to be read. */
  readonly logAlarm: Alarm
}

export const newCard = (posted: Posted, ref: Ref, logAlarm: Alarm): CardState => ({
  posted,
  hash: hashOf(posted),
  ref,
  unshown: false,
  deleted: false,
  busy: false,
  order: 0,
  paceUntil: 0,
  retryAt: 0,
  failures: 0,
  bugs: 0,
  lostBefore: false,
  tried: false,
  batch: undefined,
  watched: false,
  reading: false,
  logOver: false,
  logAlarm,
})

export interface Job {
  readonly kind: 'show' | 'mention' | 'log'
  /** Smaller goes first. */
  readonly rank: number
  /** Not before this. */
  readonly at: number
}

/** Milliseconds: what was over before anybody could be told is told with others like it. */
const lateMs = 60_000

/** An incident that came and went while the platform was away. */
export const isLate = ({ posted, ref, tried }: CardState, now: Date): boolean =>
  posted.state === 'done' &&
  posted.log !== undefined &&
  !tried &&
  ref.shown === undefined &&
  ref.where === undefined &&
  now.getTime() - Date.parse(posted.at) >= lateMs

/** Who deleted the card of a command does not want to see it work; how it ended is said all the same. */
export const isUnwanted = ({ posted, deleted }: CardState): boolean =>
  deleted && posted.state === 'working' && !isTold(posted)

export function jobOf(card: CardState, now: number, today: Date): Job | undefined {
  if (card.busy) return undefined
  const { posted, ref, retryAt } = card
  const show = card.unshown ? showJob(card) : undefined
  if (show !== undefined && (show.at <= now || card.batch === undefined)) return show
  if (card.batch !== undefined && ref.where !== undefined) return { kind: 'log', rank: 3, at: retryAt }
  if (show !== undefined) return show
  if (wantsMention(posted, ref, today)) return { kind: 'mention', rank: 1, at: retryAt }
  return undefined
}

function showJob({ posted, ref, retryAt, paceUntil }: CardState): Job {
  if (posted.state !== 'working') return { kind: 'show', rank: 0, at: retryAt }
  const rank = ref.shown === undefined ? 1 : 2
  return { kind: 'show', rank, at: Math.max(retryAt, paceUntil) }
}

/** Nothing is left to do for it, and nothing will be. */
export const isOver = (card: CardState, today: Date): boolean =>
  card.posted.state === 'done' && card.logOver && !isPending(card, today)

/** Whether there is something that `idle` waits for. */
export const isPending = (card: CardState, today: Date): boolean =>
  card.busy ||
  card.unshown ||
  card.reading ||
  card.batch !== undefined ||
  wantsMention(card.posted, card.ref, today) ||
  (card.posted.state === 'done' && !card.logOver)
