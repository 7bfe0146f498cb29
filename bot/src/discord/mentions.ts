/** `@homelab restart plex` and direct messages: commands too, and never silence. */
import { type APIChannel, type GatewayMessageCreateDispatchData, MessageType } from 'discord.js'
import type { Api } from './api.ts'
import { madeAt, seenBy } from './asker.ts'
import { mentionsAsIds } from './line.ts'
import type { Reception } from './reception.ts'

/** Milliseconds between two nudges in one channel. */
const nudgeEvery = 60_000
/** Channels remembered; the oldest are asked for again. */
const known = 500

export interface Mentions {
  /** Resolves when it is taken; never rejects. */
  message(message: GatewayMessageCreateDispatchData, me: string): Promise<void>
}

export function createMentions(reception: Reception, api: Api): Mentions {
  const { context } = reception
  const { desk, registry, clock } = context
  const channels = new Map<string, APIChannel>()
  const nudged = new Map<string, number>()

  async function channelOf(id: string): Promise<APIChannel | undefined> {
    const found = channels.get(id)
    if (found !== undefined) return found
    // Unknown it is taken for a channel of its own, in which nothing is allowed that the file does not allow.
    const channel = await api.channel(id).catch(() => undefined)
    if (channel !== undefined) remember(channels, id, channel)
    return channel
  }

  function isCommand(text: string): boolean {
    const [first = ''] = text
      .replace(/^\/?homelab\s+/i, '')
      .toLowerCase()
      .split(/\s+/)
    return first === '' || registry.all.some(({ chat }) => chat.split(' ')[0] === first)
  }

  const mayNudge = (channel: string): boolean => {
    const now = clock.monotonic()
    const last = nudged.get(channel)
    if (last !== undefined && now - last < nudgeEvery) return false
    remember(nudged, channel, now)
    return true
  }

  async function take(message: GatewayMessageCreateDispatchData, me: string): Promise<void> {
    if (message.author.bot === true || message.webhook_id !== undefined) return
    if (message.type !== MessageType.Default && message.type !== MessageType.Reply) return
    const mention = new RegExp(`<@!?${me}>`, 'g')
    const direct = message.guild_id === undefined
    if (!direct && !mention.test(message.content)) return
    const text = mentionsAsIds(message.content.replace(mention, ' ')).trim()
    const channel = direct ? undefined : await channelOf(message.channel_id)
    const { asker, place } = seenBy(message, channel)
    const key = reception.keyOf(message)
    const spot = { channel: message.channel_id, replyTo: message.id }
    if (!isCommand(text)) {
      if (reception.isLate(madeAt(message.id)) || !mayNudge(message.channel_id)) return
      return await reception.takeAt(key, spot, () =>
        desk.tell(place, key, {
          title: 'I only know commands',
          tone: 'neutral',
          text: 'Type /homelab and choose one, or mention me with one.',
          buttons: [{ label: 'What can I do?', action: { kind: 'command', text: 'help' } }],
        }),
      )
    }
    if (reception.isLate(madeAt(message.id))) return reception.askAgain(key, text, place)
    const caller = context.callerOf(asker)
    await reception.takeAt(key, spot, () => desk.submit({ text, caller, place, key }))
  }

  return {
    message: (message, me) =>
      take(message, me).catch((error: unknown) => context.onBug(error, 'a message of Discord')),
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > known && oldest !== undefined) map.delete(oldest)
}
