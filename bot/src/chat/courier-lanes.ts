/** Each channel has a pace of its own, and one outage or hanging call in it holds up no other. */
import type { Clock } from '@homelab/core'
import { type Alarm, alarmOn } from './courier-alarm.ts'
import { type CardState, type Job, jobOf } from './courier-card.ts'

export interface Lanes {
  add(card: CardState): void
  remove(card: CardState): void
  /** Begins what may begin in the card's channel now, and sees to it that the rest is looked at in time. */
  drive(card: CardState): void
  /** No call begins in the card's channel for so many milliseconds. */
  hold(card: CardState, ms: number): void
  pause(): void
  unpause(): void
  /** Resolves when every call that had begun has ended. */
  close(): Promise<void>
  readonly size: number
}

interface Lane {
  readonly cards: Set<CardState>
  readonly alarm: Alarm
  /** Of `clock.monotonic()`: no call begins before. */
  openAt: number
  calls: number
}

/** Calls in one channel that wait for their answers: one that hangs must not hold up the others. */
const callsAtOnce = 4

/** @param perform one call; must not reject */
export function createLanes(
  clock: Clock,
  channelMs: number,
  perform: (card: CardState, kind: Job['kind']) => Promise<void>,
): Lanes {
  const lanes = new Map<string, Lane>()
  const calls = new Set<Promise<void>>()
  let resting = false

  const laneOf = ({ posted }: CardState): Lane => {
    const name = posted.place.channel
    const known = lanes.get(name)
    if (known !== undefined) return known
    const fresh: Lane = { cards: new Set(), alarm: alarmOn(clock, () => drive(name)), openAt: 0, calls: 0 }
    lanes.set(name, fresh)
    return fresh
  }

  function drive(name: string): void {
    const lane = lanes.get(name)
    while (lane !== undefined && !resting && lane.calls < callsAtOnce) {
      const now = clock.monotonic()
      const { card, kind, at } = lane.openAt > now ? { at: lane.openAt } : nextOf(lane, now)
      if (card === undefined || kind === undefined) {
        if (at !== undefined) lane.alarm.set(at)
        else lane.alarm.clear()
        if (at === undefined && lane.cards.size === 0) lanes.delete(name)
        return
      }
      lane.openAt = now + channelMs
      lane.calls += 1
      card.busy = true
      const call = perform(card, kind).finally(() => {
        calls.delete(call)
        lane.calls -= 1
        drive(name)
      })
      calls.add(call)
    }
  }

  function nextOf(lane: Lane, now: number) {
    const today = clock.now()
    let best: { readonly card: CardState; readonly kind: Job['kind']; readonly rank: number } | undefined
    let at: number | undefined
    for (const card of lane.cards) {
      const job = jobOf(card, now, today)
      if (job === undefined) continue
      if (job.at > now) at = Math.min(at ?? job.at, job.at)
      else if (
        best === undefined ||
        job.rank < best.rank ||
        (job.rank === best.rank && card.order < best.card.order)
      )
        best = { card, ...job }
    }
    return { card: best?.card, kind: best?.kind, at }
  }

  return {
    add: (card) => void laneOf(card).cards.add(card),
    remove(card) {
      laneOf(card).cards.delete(card)
    },
    drive: ({ posted }) => drive(posted.place.channel),
    hold(card, ms) {
      const lane = laneOf(card)
      lane.openAt = Math.max(lane.openAt, clock.monotonic() + ms)
    },
    pause() {
      resting = true
    },
    unpause() {
      resting = false
      for (const name of lanes.keys()) drive(name)
    },
    async close() {
      resting = true
      for (const { alarm } of lanes.values()) alarm.clear()
      await Promise.all(calls)
    },
    get size() {
      return lanes.size
    },
  }
}
