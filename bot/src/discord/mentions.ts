/** `@homelab restart plex` and direct messages: commands too, and never silence. */
import { nearest } from '@homelab/core'
import { type APIChannel, type GatewayMessageCreateDispatchData, MessageType } from 'discord.js'
import { stripped } from '../chat/text.ts'
import type { Api } from './api.ts'
import { seenBy } from './asker.ts'
import { mentionsAsIds } from './line.ts'
import { blind, type Members } from './members.ts'
import { userOf } from './outlet.ts'
import type { Reception } from './reception.ts'
import type { Spot } from './where.ts'

/** Milliseconds between two nudges in one channel. */
const nudgeEvery = 60_000
/** Channels remembered; the oldest are asked for again. */
const known = 500
/** More words than that around one that is nearly a command are talk. */
const longestSlip = 4

export interface Mentions {
  /**
   * Resolves when it is taken; never rejects.
   * @param late it is too old to be done without asking
   */
  message(message: GatewayMessageCreateDispatchData, me: string, late: boolean): Promise<void>
}

export function createMentions(reception: Reception, members: Members, api: Api): Mentions {
  const { context } = reception
  const { desk, registry, clock } = context
  const channels = new Map<string, APIChannel>()
  const nudged = new Map<string, number>()
  const firstWords = [...new Set(['help', ...registry.all.map(({ chat }) => chat.split(' ')[0] ?? chat)])]

  async function channelOf(id: string): Promise<APIChannel | undefined> {
    const found = channels.get(id)
    if (found !== undefined) return found
    // Unknown it is taken for a channel of its own, in which nothing is allowed that the file does not allow.
    const channel = await api.channel(id).catch(() => undefined)
    if (channel !== undefined) remember(channels, id, channel)
    return channel
  }

  /** Words that are no command, and no slip of the finger either. */
  function isChatter(text: string): boolean {
    const words = stripped(text).toLowerCase().split(/\s+/)
    const [first = ''] = words
    if (first === '' || firstWords.includes(first)) return false
    return words.length > longestSlip || nearest(first, firstWords, 1).length === 0
  }

  const mayNudge = (channel: string): boolean => {
    const now = clock.monotonic()
    const last = nudged.get(channel)
    if (last !== undefined && now - last < nudgeEvery) return false
    remember(nudged, channel, now)
    return true
  }

  async function take(message: GatewayMessageCreateDispatchData, me: string, late: boolean): Promise<void> {
    if (message.author.bot === true || message.webhook_id !== undefined) return
    if (message.type !== MessageType.Default && message.type !== MessageType.Reply) return
    const direct = message.guild_id === undefined
    // An answer to a card of ours that pings us says so here alone.
    if (!direct && !message.mentions.some(({ id }) => id === me)) return
    const mention = new RegExp(`<@!?${me}>`, 'g')
    const text = mentionsAsIds(message.content.replace(mention, ' ')).trim()
    const channel = direct ? undefined : await channelOf(message.channel_id)
    const { asker, place } = seenBy(message, channel)
    const key = reception.keyOf(message)
    const spot: Spot = { channel: message.channel_id, replyTo: message.id }
    if (isChatter(text)) {
      if (late || !mayNudge(message.channel_id)) return
      return await reception.takeAt(key, spot, () =>
        desk.tell(place, key, {
          title: 'I only know commands',
          tone: 'neutral',
          text: 'Type /homelab and choose one, or mention me with one.',
          buttons: [{ label: 'What can I do?', action: { kind: 'command', text: 'help' } }],
        }),
      )
    }
    const caller = await members.callerOf(asker)
    if (members.isBlind(text, asker, caller))
      return await reception.takeAt(key, spot, () =>
        desk.tell(place, key, { title: blind.title, tone: 'warning', text: blind.hint }),
      )
    if (late) return await reception.askAgain(key, text, { caller, place, replyTo: message.id })
    const alone = asker.channel !== undefined && desk.isPrivate(text, caller)
    const only = alone ? userOf(caller.id) : undefined
    await reception.takeAt(key, only === undefined ? spot : { ...spot, only }, () =>
      desk.submit({ text, caller, place, key, ...(alone ? { private: true } : {}) }),
    )
  }

  return {
    message: (message, me, late) =>
      take(message, me, late).catch((error: unknown) => context.onBug(error, 'a message of Discord')),
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > known && oldest !== undefined) map.delete(oldest)
}
