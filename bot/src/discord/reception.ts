/** Takes what people ask for: stored before it is acknowledged, acknowledged in time, and found again after a crash. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Caller, Card } from '@homelab/core'
import {
  type APIInteraction,
  type APIInteractionResponse,
  HTTPError,
  InteractionResponseType,
  MessageFlags,
} from 'discord.js'
import type { ConnectorContext } from '../chat/connector.ts'
import type { Courier } from '../chat/courier.ts'
import type { Place, Posted } from '../chat/types.ts'
import type { Api } from './api.ts'
import { channelOf, userOf } from './outlet.ts'
import { oneLine } from './text.ts'
import { code, codeOf, isNetwork, waitOf } from './trouble.ts'
import { type Spot, spotOf, whereOf } from './where.ts'

/** Milliseconds. */
const timing = {
  /** How long an acknowledgement waits for the disk. */
  stored: 1_500,
  /** After its arrival an interaction can be acknowledged for so long, with room for the way. */
  acknowledge: 2_600,
  /** Of the 15 minutes of a token, those that are surely left to us. */
  token: 14 * 60_000,
}

/** Characters of a command that a card repeats. */
const longestShown = 1_000

interface Asked {
  readonly text: string
  readonly caller: Caller
  /** The answer is for the asker alone. */
  readonly hidden: boolean
}

export interface Late {
  readonly caller: Caller
  readonly place: Place
  readonly replyTo?: string
}

export interface Reception {
  readonly context: ConnectorContext
  keyOf(of: { readonly id: string }): string
  /** Shows a card that offers to do now what came too late, to whom an answer would be shown. */
  askAgain(key: string, text: string, asked: Late): Promise<void>
  /** Begins a command and answers with its card. */
  take(interaction: APIInteraction, asked: Asked, begin: (key: string) => Posted): Promise<void>
  /** Never rejects: an interaction that is not there any more cannot be answered. Resolves with whether it was. */
  acknowledge(interaction: APIInteraction, response: APIInteractionResponse): Promise<boolean>
  /** Resolves when all is stored, or when that takes too long. */
  stored(): Promise<void>
  /** The card's message can be changed by this newer interaction. */
  renew(interaction: APIInteraction, cardId: string): void
  /** A card of the board, new or changed. */
  put(posted: Posted): void
  /** Puts a card where `spot` says. */
  takeAt(key: string, spot: Spot, begin: () => Posted): Promise<void>
}

export function createReception(context: ConnectorContext, courier: Courier, api: Api): Reception {
  const { desk, clock, log } = context
  /**
   * Cards whose place is being made, in their newest state: the courier gets them when it is there. The board may have
   * forgotten one by then, when it was soon done and many came after it.
   */
  const held = new Map<string, Posted | undefined>()

  const put = (posted: Posted) => {
    if (held.has(posted.id)) held.set(posted.id, posted)
    else courier.put(posted)
  }
  const release = (id: string) => {
    const posted = desk.board.get(id) ?? held.get(id)
    held.delete(id)
    if (posted !== undefined) courier.put(posted)
  }
  const bounded = async (work: Promise<void>, ms: number) => {
    const late = new AbortController()
    await Promise.race([
      work.catch((error: unknown) => context.onBug(error, 'storing before an acknowledgement')),
      delay(ms, undefined, { signal: late.signal, ref: false }).catch(() => undefined),
    ])
    late.abort()
  }
  const keyOf = ({ id }: { readonly id: string }) => `discord:${id}`

  /** @returns whether Discord took it, now or before */
  async function answer(interaction: APIInteraction, response: APIInteractionResponse): Promise<boolean> {
    const until = clock.monotonic() + timing.acknowledge
    for (;;) {
      try {
        await api.answer(interaction.id, interaction.token, response)
        return true
      } catch (error) {
        const found = codeOf(error)
        // An answer that was lost on its way back, or the same interaction delivered twice.
        if (found === code.alreadyAcknowledged) return true
        if (found === code.unknownInteraction) return false
        const passing = isNetwork(error) || error instanceof HTTPError || waitOf(error) !== undefined
        if (!passing) {
          context.onBug(error, 'answering an interaction of Discord')
          return false
        }
        const pause = Math.min(waitOf(error) ?? 150, 1_000)
        if (clock.monotonic() + pause > until) {
          log.warn({ err: error }, 'an interaction could not be acknowledged in time')
          return false
        }
        await delay(pause)
      }
    }
  }

  async function hold(
    key: string,
    begin: (key: string) => Posted,
    place: (posted: Posted) => Promise<void>,
  ): Promise<void> {
    const before = desk.board.get(key)
    held.set(key, undefined)
    try {
      const posted = begin(key)
      // Known before, or a double click: its card has its place.
      if (posted.id !== key) return await place(posted)
      if (before === undefined) await bounded(desk.stored(), timing.stored)
      await place(posted)
    } finally {
      release(key)
    }
  }

  async function takeAt(key: string, spot: Spot, begin: () => Posted): Promise<void> {
    await hold(key, begin, async () => {
      if (courier.where(key) === undefined) await courier.placed(key, whereOf(spot))
    })
  }

  return {
    context,
    keyOf,
    put,
    async askAgain(key, text, { caller, place, replyTo }) {
      if (desk.board.get(key) !== undefined) return
      const alone = caller.channel !== undefined && desk.isPrivate(text, caller)
      const spot: Spot = {
        channel: channelOf(place),
        ...(replyTo === undefined ? {} : { replyTo }),
        ...(alone ? { only: userOf(caller.id) } : {}),
      }
      await takeAt(key, spot, () => desk.tell(place, key, awayCard(text)))
    },
    async take(interaction, { caller, hidden }, begin) {
      const key = keyOf(interaction)
      const known = courier.where(key) !== undefined
      await hold(key, begin, async (posted) => {
        if (posted.id !== key) {
          await answer(interaction, { type: InteractionResponseType.DeferredMessageUpdate })
          return
        }
        const own: Spot = {
          channel: channelOf(posted.place),
          ...(hidden ? { only: userOf(caller.id) } : {}),
        }
        const until = new Date(clock.now().getTime() + timing.token).toISOString()
        // Before the answer: after a crash in between it is found by its token.
        if (!known)
          await bounded(
            courier.placed(key, whereOf({ ...own, token: interaction.token, until })),
            timing.stored / 3,
          )
        const taken = await answer(interaction, {
          type: InteractionResponseType.DeferredChannelMessageWithSource,
          data: hidden ? { flags: MessageFlags.Ephemeral } : {},
        })
        // Too late for an answer: the card comes as a message of its own.
        if (!taken && !known) await courier.placed(key, whereOf(own))
      })
    },
    acknowledge: answer,
    stored: () => bounded(desk.stored(), timing.stored),
    renew(interaction, cardId) {
      const spot = spotOf(courier.where(cardId))
      // Only what one person alone sees cannot be changed without a token.
      if (spot.only === undefined || spot.message !== interaction.message?.id) return
      const until = new Date(clock.now().getTime() + timing.token).toISOString()
      void courier
        .placed(cardId, whereOf({ ...spot, token: interaction.token, until }))
        .catch((error: unknown) => context.onBug(error, 'where a card is'))
    },
    takeAt,
  }
}

/** A button does no more than what stands beside it. */
function awayCard(text: string): Card {
  const title = 'I was away when you asked'
  const line = oneLine(text)
  if (line.length <= longestShown)
    return {
      title,
      tone: 'warning',
      text: `It is too long ago to do it without asking: ${line}`,
      buttons: [{ label: 'Do it now', style: 'primary', action: { kind: 'command', text: line } }],
    }
  const start = line.slice(0, longestShown).replace(/\s+\S*$/, '')
  return {
    title,
    tone: 'warning',
    text: `It is too long ago, and too long to repeat here: ${start} … Type it again.`,
  }
}
