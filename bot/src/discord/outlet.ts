/** Shows cards in Discord for the courier. No call posts twice: each message has a nonce that follows from its card. */
import { createHash } from 'node:crypto'
import type { Clock, RunHistory } from '@homelab/core'
import type { Draw } from '../charts/painter.ts'
import type { Outlet, Where } from '../chat/courier.ts'
import { logOf } from '../chat/courier-log.ts'
import type { Place, Posted } from '../chat/types.ts'
import type { Api, Message } from './api.ts'
import type { DiscordFile } from './files.ts'
import { limits } from './limits.ts'
import { logMessages } from './log.ts'
import { type DiscordMessage, noPings, renderDiscord, renderPlain } from './render.ts'
import { cut, literalLabel, oneLine, shorten } from './text.ts'
import { code, codeOf, deliveryError, isSpent } from './trouble.ts'
import { type Spot, spotOf, whereOf } from './where.ts'

export interface OutletOptions {
  readonly api: Api
  readonly clock: Clock
  readonly runs: Pick<RunHistory, 'log'>
  readonly draw?: Draw | undefined
  /** A card that Discord did not take as it is: it was shown in plain text. */
  readonly onBug: (error: unknown, where?: string) => void
}

const nonceOf = (...parts: readonly (string | number)[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, limits.nonce)

const replyOf = (replyTo: string | undefined) =>
  replyTo === undefined ? {} : { message_reference: { message_id: replyTo, fail_if_not_exists: false } }

const once = (nonce: string) => ({ nonce, enforce_nonce: true })

/** Of a platform id; undefined for whoever is not of Discord. */
export const userOf = (id: string): string | undefined => /^discord:(\d{15,21})$/.exec(id)?.[1]

/** Where messages of this place go. */
export const channelOf = ({ channel, thread }: Place): string => thread ?? channel

/** Lines of a log that a file holds, as many as a run keeps. */
const logLines = 2_000

const rememberedDeletions = 500
const rememberedPosts = 5_000

const messageOf = ({ files, ...body }: DiscordMessage): Message => ({ body: { content: '', ...body }, files })

export function createOutlet({ api, clock, runs, draw, onBug }: OutletOptions): Outlet {
  /** How often a card's message was found deleted: the next one must not be taken for it. */
  const deleted = new Map<string, number>()
  const startedAt = clock.now().getTime()
  /** Cards whose message may be there though nobody said so. */
  const unclear = new Set<string>()
  /** By nonce, messages that were found again and are still to be brought up to date: each is posted no more. */
  const owed = new Map<string, string>()

  const countDeleted = (card: string) => {
    deleted.set(card, (deleted.get(card) ?? 0) + 1)
    const [oldest] = deleted.keys()
    if (deleted.size > rememberedDeletions && oldest !== undefined) deleted.delete(oldest)
  }

  const show = async (posted: Posted, where: Where | undefined): Promise<Spot> => {
    const spot = fresh(spotOf(where), clock.now())
    const { picture } = posted.card
    // Nearly everybody has Discord in its dark theme.
    const png = picture === undefined ? undefined : await draw?.(picture.svg, 'dark')
    const message = messageOf(renderDiscord(posted, { now: clock.now(), png }))
    try {
      return await put(posted, spot, await withLog(posted, spot, message))
    } catch (error) {
      if (codeOf(error) === code.unknownMessage) countDeleted(posted.id)
      const found = codeOf(error)
      if (found !== code.invalidForm && found !== code.tooLarge) throw error
      // A card that the renderer made too large must not be lost with what it says.
      onBug(error, 'a card that Discord does not take')
      return await put(posted, spot, messageOf(renderPlain(posted)))
    }
  }

  async function put(posted: Posted, spot: Spot, message: Message): Promise<Spot> {
    if (spot.token !== undefined) {
      try {
        const answer = await api.editAnswer(spot.token, message)
        return { ...spot, message: answer.id, channel: answer.channel_id }
      } catch (error) {
        // A message that was there and is not any more was deleted; one that never was must be made.
        if (codeOf(error) === code.unknownMessage && spot.message !== undefined) throw error
        if (!isSpent(error)) throw error
      }
    }
    const { token: _, until: __, ...own } = spot
    const hidden = own.only !== undefined || posted.private === true
    if (own.closed === true) return own
    // In a direct conversation everything is for one person.
    const inChannel = own.only !== undefined || posted.caller.channel !== undefined
    if (hidden && own.direct !== true && inChannel) return await privately(posted, own, message)
    const channel = own.channel ?? channelOf(posted.place)
    if (own.message !== undefined) {
      await api.edit(channel, own.message, message)
      return own
    }
    return { ...own, channel, message: await post(posted, channel, message, own.replyTo) }
  }

  /** What one person alone saw cannot be changed any more: the end goes to them directly. */
  async function privately(posted: Posted, { message: _, ...spot }: Spot, message: Message): Promise<Spot> {
    const user = spot.only ?? userOf(posted.caller.id)
    if (user === undefined) return spot
    try {
      const channel = await api.directChannel(user)
      return { channel, direct: true, message: await post(posted, channel, message, undefined) }
    } catch (error) {
      if (codeOf(error) !== code.cannotMessageUser) throw error
      const channel = spot.channel ?? channelOf(posted.place)
      return {
        ...spot,
        channel,
        closed: true,
        message: await tellClosed(posted, channel, user, spot.replyTo),
      }
    }
  }

  /** Who asked would wait for an answer that cannot reach them. */
  async function tellClosed(posted: Posted, channel: string, user: string, replyTo: string | undefined) {
    const made = await api.post(channel, {
      body: {
        content: `<@${user}> The answer is for you alone, and I may not write to you directly. Allow direct messages from this server, or type it after \`/homelab do\`.`,
        allowed_mentions: noPings,
        ...replyOf(replyTo),
        ...once(nonceOf('closed', posted.id)),
      },
      files: [],
    })
    return made.id
  }

  async function post(
    posted: Posted,
    channel: string,
    { body, files }: Message,
    replyTo: string | undefined,
  ) {
    const nonce = nonceOf('card', posted.id, channel, deleted.get(posted.id) ?? 0)
    const before = unclear.has(posted.id) || Date.parse(posted.at) < startedAt
    remember(unclear, posted.id)
    const content = { body: { ...body, ...replyOf(replyTo), ...once(nonce) }, files }
    const id = owed.get(nonce) ?? (await api.post(channel, content)).id
    // With a nonce that is known Discord gives back the message of before, as it was.
    if (before) {
      owed.set(nonce, id)
      if (owed.size > rememberedPosts) owed.delete(owed.keys().next().value ?? '')
      await api.edit(channel, id, { body, files })
    }
    owed.delete(nonce)
    unclear.delete(posted.id)
    deleted.delete(posted.id)
    return id
  }

  /** Where there are no threads the log is a file of the last state. */
  async function withLog(posted: Posted, spot: Spot, message: Message): Promise<Message> {
    if (spot.noThread !== 'file' || posted.state !== 'done') return message
    const from = logOf(posted)
    if (from === undefined) return message
    const lines = await runs.log(from, logLines).catch(() => [])
    if (lines.length === 0 || message.files.length >= limits.files) return message
    const file: DiscordFile = { name: 'log.txt', data: lines.map(({ text }) => `${text}\n`).join('') }
    return { ...message, files: [...message.files, file] }
  }

  async function log(posted: Posted, spot: Spot, lines: readonly string[], from: number): Promise<Spot> {
    if (spot.noThread !== undefined || spot.message === undefined || spot.channel === undefined) return spot
    if (posted.place.thread !== undefined || spot.only !== undefined) return { ...spot, noThread: 'file' }
    let { thread } = spot
    if (thread === undefined) {
      const trouble = await startThread(posted, spot.channel, spot.message)
      if (trouble !== undefined) return { ...spot, noThread: trouble }
      thread = spot.message
    }
    const messages = logMessages(lines, from)
    for (const [index, { content, file }] of messages.entries())
      await api.post(thread, {
        body: {
          ...(content === undefined ? {} : { content }),
          allowed_mentions: noPings,
          ...once(nonceOf('log', posted.id, from, index)),
        },
        files: file === undefined ? [] : [file],
      })
    return { ...spot, thread }
  }

  /** @returns what to do instead, when there can be none */
  async function startThread(posted: Posted, channel: string, message: string) {
    try {
      const name = cut(oneLine(posted.card.title), limits.threadName) || 'Log'
      await api.startThread(channel, message, name)
      return undefined
    } catch (error) {
      const found = codeOf(error)
      if (found === code.threadExists) return undefined
      if (found === code.missingAccess || found === code.missingPermissions) return 'nothing' as const
      if (found === code.wrongChannelType || found === code.invalidForm) return 'file' as const
      throw error
    }
  }

  async function mention(posted: Posted, spot: Spot): Promise<void> {
    const user = userOf(posted.caller.id)
    if (user === undefined || spot.message === undefined) return
    // Its title is for nobody else, and what one person alone sees has no message to answer.
    if (spot.only !== undefined || spot.closed === true) return
    const channel = spot.channel ?? channelOf(posted.place)
    await api.post(channel, {
      body: {
        content: `<@${user}> ${literalLabel(shorten(oneLine(posted.card.title), 200))}`,
        allowed_mentions: { parse: [], users: [user], replied_user: false },
        message_reference: { message_id: spot.message, fail_if_not_exists: false },
        ...once(nonceOf('mention', posted.id)),
      },
      files: [],
    })
  }

  return {
    platform: 'discord',
    show: (posted, where) =>
      translated(async () => {
        const spot = await show(posted, where)
        // The token is kept no longer than it is needed.
        const { token, until, ...own } = spot
        return whereOf(posted.state === 'done' || token === undefined ? own : spot)
      }),
    log: (posted, where, lines, from) =>
      translated(async () => whereOf(await log(posted, spotOf(where), lines, from))),
    mention: (posted, where) => translated(() => mention(posted, spotOf(where))),
  }
}

function remember(set: Set<string>, id: string): void {
  set.add(id)
  const [oldest] = set
  if (set.size > rememberedPosts && oldest !== undefined) set.delete(oldest)
}

function fresh(spot: Spot, now: Date): Spot {
  const { token, until, ...own } = spot
  return token === undefined || until === undefined || Date.parse(until) <= now.getTime() ? own : spot
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw deliveryError(error)
  }
}
