/** Brings the newest state of each card to its platform, at the pace that the platform allows, through crashes and outages. */
import type { Clock, Json, RunHistory } from '@homelab/core'
import type { MessageStore, Platform } from './connector.ts'
import { alarmOn } from './courier-alarm.ts'
import { type CardState, isLate, isOver, isPending, isUnwanted, type Job, newCard } from './courier-card.ts'
import { createLanes } from './courier-lanes.ts'
import { isLong, logOf, logTiming, nextBatch } from './courier-log.ts'
import { hashOf, isTold, jsonOf, type Ref, refOf } from './courier-ref.ts'
import type { Posted } from './types.ts'

/** Where a card's message is, in the adapter's own words. */
export interface Where {
  readonly [key: string]: Json
}

/**
 * What an adapter does for the courier, one message at a time. Each call may be made again with the same state after a crash,
 * so it posts nothing twice: by a nonce, or by looking for what it posted. It throws a DeliveryError, or any other error for a bug.
 */
export interface Outlet {
  readonly platform: Platform
  /** Posts the card when there is no `where` with a message in it yet, else edits it. `where.message` is the platform's id of it. */
  show(posted: Posted, where: Where | undefined): Promise<Where>
  /** Adds lines to the log of its run, beside the card. `from`: how many were added before. */
  log(posted: Posted, where: Where, lines: readonly string[], from: number): Promise<Where>
  /** Tells the asker, with a ping, that what took long has ended. */
  mention(posted: Posted, where: Where): Promise<void>
}

/**
 * `wait`: the platform said for how long. `again`: a passing trouble. `gone`: the message or its channel is no more, or we may
 * not write there: `show` is tried once more without `where`, then given up. `never`: the same call will always be refused.
 */
export class DeliveryError extends Error {
  readonly kind: 'wait' | 'again' | 'gone' | 'never'
  readonly retryAfterMs: number | undefined
  constructor(
    kind: DeliveryError['kind'],
    message: string,
    facts: { readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'DeliveryError'
    this.kind = kind
    this.retryAfterMs = facts.retryAfterMs
  }
}

/** Milliseconds. */
export interface Pace {
  /** Between two states of one card that is still working; its last state waits for no pace of its own. */
  readonly cardMs: number
  /** Between two calls in one channel. */
  readonly channelMs: number
}

export interface CourierOptions {
  readonly outlet: Outlet
  readonly messages: MessageStore
  readonly runs: Pick<RunHistory, 'log'>
  readonly clock: Clock
  readonly pace: Pace
  /** Of an incident that was over before it could be shown: it is not shown by itself then. */
  readonly onLate?: (posted: Posted) => void
  /** A card that could not be shown for good. */
  readonly onLost: (posted: Posted, error: unknown) => void
  readonly onBug: (error: unknown, where?: string) => void
}

export interface Courier {
  /** Takes a card's newest state; one that was not shown yet is dropped for it. Never throws. */
  put(posted: Posted): void
  /** The adapter has made a place for this card already, such as a deferred answer. Resolves when that is stored. */
  placed(cardId: string, where: Where): Promise<void>
  where(cardId: string): Where | undefined
  /** After a restart: shows those whose shown state is not their newest. */
  resume(cards: readonly Posted[]): void
  /** While paused nothing is sent and nothing is lost: for an outage of the platform. */
  pause(): void
  unpause(): void
  /** Resolves when everything that was put is shown, or lost. */
  idle(): Promise<void>
  /** Sends nothing more and waits for what is on its way. What was not shown is shown by `resume` of the next start. */
  close(): Promise<void>
  /** Cards and channels in memory; none when all cards are done and shown, and the pace of the last call is over. */
  readonly kept: number
}

const firstRetryMs = 500
const longestRetryMs = 30_000
/** A `wait` that does not say how long. */
const waitMs = 1_000
/** A state that makes the adapter fail with what is no DeliveryError is tried so often. */
const bugsTolerated = 3
/** How long closing waits for a platform that does not answer. */
const closeMs = 5_000

export function createCourier(options: CourierOptions): Courier {
  const { outlet, messages, clock, pace } = options
  const cards = new Map<string, CardState>()
  const lanes = createLanes(clock, pace.channelMs, perform)
  const waiters: (() => void)[] = []
  let orders = 0
  let closed = false

  const cardOf = (posted: Posted): CardState => {
    const known = cards.get(posted.id)
    if (known !== undefined) return known
    const alarm = alarmOn(clock, () => void readLog(fresh))
    const fresh = newCard(posted, refOf(messages.get(posted.id)), alarm)
    cards.set(posted.id, fresh)
    lanes.add(fresh)
    return fresh
  }

  const save = async (card: CardState, change: Ref): Promise<void> => {
    card.ref = { ...card.ref, ...change }
    await messages
      .save(card.posted.id, outlet.platform, jsonOf(card.ref))
      .catch((error: unknown) => options.onBug(error, 'saving where a card is'))
  }

  async function perform(card: CardState, kind: Job['kind']): Promise<void> {
    const { posted } = card
    try {
      if (kind === 'show') await show(card)
      else if (kind === 'mention') await mention(card)
      else await addLog(card)
      card.failures = 0
    } catch (error) {
      await failed(card, kind, posted, error).catch((bug: unknown) => options.onBug(bug, 'the courier'))
    }
    card.busy = false
    settle(card)
  }

  async function show(card: CardState): Promise<void> {
    const { posted, hash } = card
    if (options.onLate !== undefined && isLate(card, clock.now())) {
      options.onLate(posted)
      card.unshown = false
      endLog(card)
      await save(card, { shown: hash, state: posted.state, mentioned: true })
      return
    }
    card.tried = true
    const began = clock.monotonic()
    card.unshown = false
    const where = await outlet.show(posted, card.deleted ? undefined : card.ref.where)
    card.paceUntil = began + pace.cardMs
    card.deleted = false
    card.lostBefore = false
    card.bugs = 0
    await save(card, { where, shown: hash, state: posted.state })
    // Meanwhile it may have become something else and then again this.
    if (card.hash === hash) card.unshown = false
  }

  async function mention(card: CardState): Promise<void> {
    if (card.ref.where !== undefined) await outlet.mention(card.posted, card.ref.where)
    await save(card, { mentioned: true })
  }

  async function addLog(card: CardState): Promise<void> {
    const { batch, ref } = card
    if (batch === undefined || ref.where === undefined) return
    const began = clock.monotonic()
    const where = await outlet.log(card.posted, ref.where, batch.lines, batch.from)
    card.batch = undefined
    await save(card, { where, logged: batch.from + batch.lines.length, mark: batch.mark })
    if (card.posted.state !== 'done') card.logAlarm.set(began + logTiming.between)
  }

  async function failed(card: CardState, kind: Job['kind'], tried: Posted, error: unknown): Promise<void> {
    if (kind === 'show') card.unshown = true
    const trouble = error instanceof DeliveryError ? error.kind : 'bug'
    if (trouble === 'wait') return lanes.hold(card, (error as DeliveryError).retryAfterMs ?? waitMs)
    if (trouble === 'again') return retryLater(card)
    if (trouble === 'bug') {
      options.onBug(error, `${kind} of a card`)
      card.bugs += 1
      if (card.bugs < bugsTolerated) return retryLater(card)
      card.bugs = 0
    }
    if (kind === 'log') return endLog(card)
    if (kind === 'mention') return await save(card, { mentioned: true })
    if (trouble !== 'gone' || card.deleted || card.ref.where === undefined)
      return await lose(card, tried, error)
    card.deleted = true
    endLog(card)
    if (isUnwanted(card)) card.unshown = false
  }

  function retryLater(card: CardState): void {
    card.retryAt = clock.monotonic() + backoff(card.failures)
    card.failures += 1
  }

  async function lose(card: CardState, lost: Posted, error: unknown): Promise<void> {
    // A newer state may be one that the platform takes.
    if (card.posted === lost) card.unshown = false
    // A log has no place beside a card that has none.
    if (card.ref.where === undefined) endLog(card)
    if (!card.lostBefore || lost.state === 'done') options.onLost(lost, error)
    card.lostBefore = true
    const mentioned = lost.state === 'done' ? { mentioned: true } : {}
    await save(card, { shown: hashOf(lost), state: lost.state, ...mentioned })
  }

  function endLog(card: CardState): void {
    card.batch = undefined
    card.logOver = true
    card.logAlarm.clear()
  }

  /** Has its run's log read from when it has taken long. */
  function follow(card: CardState): void {
    const { posted, ref } = card
    if (logOf(posted) === undefined || posted.state !== 'working') return
    if (card.watched) {
      // What is no run writes when its card changes.
      if (posted.run === undefined && !card.logAlarm.isSet) card.logAlarm.set(clock.monotonic())
      return
    }
    card.watched = true
    const now = clock.now()
    const since = ref.since ?? posted.card.progress?.startedAt ?? now.toISOString()
    card.ref = { ...ref, since }
    const dueMs = Date.parse(since) + logTiming.after - now.getTime()
    card.logAlarm.set(clock.monotonic() + Math.max(0, dueMs))
  }

  async function readLog(card: CardState): Promise<void> {
    const { run, state } = card.posted
    const log = logOf(card.posted)
    if (log === undefined || card.reading || card.batch !== undefined || card.logOver || closed) return
    card.reading = true
    try {
      card.batch = await nextBatch(options.runs, log, card.ref)
      if (card.batch === undefined && state === 'done') card.logOver = true
      else if (card.batch === undefined && run !== undefined)
        card.logAlarm.set(clock.monotonic() + logTiming.between)
    } catch (error) {
      options.onBug(error, 'reading the log of a run')
      endLog(card)
    }
    card.reading = false
    settle(card)
  }

  /** After anything was done for a card. */
  function settle(card: CardState): void {
    const { posted } = card
    if (posted.state === 'done' && !card.unshown && !card.busy && !card.logOver) {
      card.logAlarm.clear()
      if (!isLong(posted, card.ref, clock.now())) card.logOver = true
      else void readLog(card)
    }
    if (isOver(card, clock.now())) {
      card.logAlarm.clear()
      cards.delete(posted.id)
      lanes.remove(card)
    }
    lanes.drive(card)
    tellIdle()
  }

  function tellIdle(): void {
    if (waiters.length === 0) return
    const today = clock.now()
    for (const card of cards.values()) if (isPending(card, today)) return
    for (const resolve of waiters.splice(0)) resolve()
  }

  function put(posted: Posted): void {
    if (closed) return
    const card = cardOf(posted)
    card.posted = posted
    card.hash = hashOf(posted)
    const shown = !card.busy && !card.deleted && card.hash === card.ref.shown
    if (!card.unshown) card.order = ++orders
    card.unshown = !shown && !isUnwanted(card)
    follow(card)
    settle(card)
  }

  return {
    put,
    async placed(cardId, where) {
      const card = cards.get(cardId)
      const ref = { ...(card?.ref ?? refOf(messages.get(cardId))), where }
      if (card !== undefined) card.ref = ref
      await messages.save(cardId, outlet.platform, jsonOf(ref))
    },
    where: (cardId) => cards.get(cardId)?.ref.where ?? refOf(messages.get(cardId)).where,
    resume(all) {
      for (const posted of all) {
        const { shown, state } = refOf(messages.get(posted.id))
        // How far it had come is not kept with the card: what was shown is newer, and its run will tell.
        const older = shown !== undefined && state === 'working' && posted.state === 'working'
        cardOf(posted).tried = true
        if (older && !isTold(posted)) follow(cardOf(posted))
        else put(posted)
      }
    },
    pause: () => lanes.pause(),
    unpause() {
      if (!closed) lanes.unpause()
    },
    idle: () =>
      new Promise((resolve) => {
        waiters.push(resolve)
        tellIdle()
      }),
    async close() {
      closed = true
      for (const { logAlarm } of cards.values()) logAlarm.clear()
      const answered = new AbortController()
      const patience = clock.sleep(closeMs, answered.signal).catch(() => undefined)
      await Promise.race([lanes.close(), patience])
      answered.abort()
    },
    get kept() {
      return cards.size + lanes.size
    },
  }
}

/** Milliseconds, from half of it to all of it: what failed together must not come again together. */
function backoff(failures: number): number {
  const longest = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures, 10))
  return longest * (0.5 + Math.random() / 2)
}
