/** Brings the newest state of each card to its platform, at the pace that the platform allows, through crashes and outages. */
import type { Clock, Json, RunHistory } from '@homelab/core'
import type { MessageStore, Platform } from './connector.ts'
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
  close(): Promise<void>
}
