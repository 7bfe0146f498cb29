/** All messages: created, edited and deleted the same way, whichever route it came by. */

import { isJson, type Json } from './check/form.ts'
import type { Draft } from './check/message.ts'
import { flag } from './check/message.ts'
import { refuse } from './error.ts'
import type { Attachment, Attachments, Upload } from './files.ts'
import type { Gateway } from './gateway/gateway.ts'
import { intent } from './gateway/session.ts'
import { snowflake } from './ids.ts'
import type { Journal } from './journal.ts'
import type { Pings } from './mentions.ts'
import { noPings, pingsOf } from './mentions.ts'
import { eventPayload } from './message-payload.ts'
import { textOf, textsOf } from './text.ts'
import type { Channel, User, World } from './world.ts'
import { channelType } from './world.ts'

export interface Origin {
  readonly id: string
  readonly type: number
  readonly user: User
  /** `homelab restart`; empty for components and forms. */
  readonly name: string
  /** When edits by the interaction's token end, on the moved clock. */
  readonly expires: number
}

export interface Message {
  readonly id: string
  readonly channel: Channel
  readonly author: User
  readonly createdAt: number
  /** The only one who sees it. */
  readonly onlyFor: User | undefined
  readonly origin: Origin | undefined
  readonly replyTo: string | undefined
  readonly nonce: string | undefined
  readonly pings: Pings
  content: string
  embeds: readonly Json[]
  components: readonly Json[]
  attachments: readonly Attachment[]
  flags: number
  editedAt: number | undefined
  edits: number
  thread: string | undefined
}

export interface How {
  readonly onlyFor?: User | undefined
  readonly origin?: Origin | undefined
  readonly loading?: boolean
}

/** A nonce is remembered this long. */
const NONCE_MS = 300_000

interface Parts {
  readonly world: World
  readonly journal: Journal
  readonly gateway: Gateway
  readonly attachments: Attachments
  readonly keep: number
}

/** Numbers every component, as Discord does. */
function numbered(list: readonly Json[]): readonly Json[] {
  let next = 0
  const visit = (value: Json): Json => {
    next += 1
    const own = { ...value, id: next }
    return {
      ...own,
      ...(Array.isArray(value.components) && { components: value.components.filter(isJson).map(visit) }),
      ...(isJson(value.accessory) && { accessory: visit(value.accessory) }),
    }
  }
  return list.map(visit)
}

export class Messages {
  readonly #parts: Parts
  readonly #byId = new Map<string, Message>()
  readonly #byChannel = new Map<string, Message[]>()
  readonly #nonces = new Map<string, Message>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  clear(): void {
    this.#byId.clear()
    this.#byChannel.clear()
    this.#nonces.clear()
    this.#parts.attachments.clear()
  }

  create(channel: Channel, author: User, draft: Draft, files: readonly Upload[], how: How = {}): Message {
    const nonceKey = `${author.id} ${draft.nonce}`
    const twin = draft.enforceNonce && draft.nonce !== undefined ? this.#nonces.get(nonceKey) : undefined
    if (twin && Date.now() - twin.createdAt < NONCE_MS && this.#byId.has(twin.id)) {
      this.#parts.journal.counts.messages.deduplicated += 1
      return twin
    }
    const { world, attachments } = this.#parts
    const id = snowflake()
    const components = numbered(draft.components ?? [])
    const spoken = textsOf(draft.content ?? '', components).join('\n')
    const message: Message = {
      id,
      channel,
      author,
      createdAt: Date.now(),
      onlyFor: how.onlyFor,
      origin: how.origin,
      replyTo: draft.replyTo,
      nonce: draft.nonce,
      pings: how.onlyFor ? noPings : this.#pings(channel, author, spoken, draft),
      content: draft.content ?? '',
      embeds: draft.embeds ?? [],
      components,
      attachments: attachments.add(channel.id, files, draft.attachments),
      flags: draft.flags | (how.loading ? flag.loading : 0) | (how.onlyFor ? flag.ephemeral : 0),
      editedAt: undefined,
      edits: 0,
      thread: undefined,
    }
    this.#store(message)
    if (draft.nonce !== undefined) this.#remember(nonceKey, message)
    // A thread that somebody writes in is open again.
    channel.archived = false
    if (!how.onlyFor) channel.lastMessage = id
    this.#tell('created', message)
    for (const who of [...message.pings.users, ...message.pings.roles])
      if (world.bot.id !== who) this.#parts.journal.add({ kind: 'ping', message: id, who })
    if (message.pings.everyone) this.#parts.journal.add({ kind: 'ping', message: id, who: '@everyone' })
    return message
  }

  #pings(channel: Channel, author: User, text: string, draft: Draft): Pings {
    const pings = pingsOf(this.#parts.world, channel, author, text, draft.allowed)
    const answered = draft.replyTo === undefined ? undefined : this.#byId.get(draft.replyTo)
    const ring = draft.allowed === undefined || draft.allowed.replied_user === true
    if (!answered || !ring) return pings
    return { ...pings, users: [...new Set([...pings.users, answered.author.id])] }
  }

  #store(message: Message): void {
    const list = this.#byChannel.get(message.channel.id) ?? []
    this.#byChannel.set(message.channel.id, list)
    list.push(message)
    this.#byId.set(message.id, message)
    if (list.length <= this.#parts.keep + 50) return
    for (const old of list.splice(0, list.length - this.#parts.keep)) this.#forget(old)
  }

  #forget(message: Message): void {
    this.#byId.delete(message.id)
    this.#parts.attachments.remove(message.attachments)
  }

  #remember(key: string, message: Message): void {
    this.#nonces.set(key, message)
    for (const [old, { createdAt }] of this.#nonces) {
      if (Date.now() - createdAt < NONCE_MS && this.#nonces.size < 10_000) break
      this.#nonces.delete(old)
    }
  }

  #tell(change: 'created' | 'edited' | 'deleted', message: Message): void {
    const { journal, gateway, world } = this.#parts
    journal.add({
      kind: 'message',
      change,
      message: message.id,
      channel: message.channel.id,
      author: message.author.id,
      ephemeral: message.onlyFor !== undefined,
      text: textOf(message),
    })
    const wanted = message.channel.type === channelType.dm ? intent.DirectMessages : intent.GuildMessages
    if (message.onlyFor || !world.sees(world.bot, message.channel)) return
    const guild = message.channel.type === channelType.dm ? {} : { guild_id: world.guild.id }
    if (change === 'deleted') {
      gateway.dispatch('MESSAGE_DELETE', wanted, { id: message.id, channel_id: message.channel.id, ...guild })
      return
    }
    const name = change === 'created' ? 'MESSAGE_CREATE' : 'MESSAGE_UPDATE'
    gateway.dispatch(name, wanted, ({ intents }) =>
      eventPayload(world, message, (intents & intent.MessageContent) !== 0),
    )
  }

  /** Edits ring nobody, not even the one that ends a deferred answer. */
  edit(message: Message, draft: Draft, files: readonly Upload[]): Message {
    const { attachments } = this.#parts
    if (draft.content !== undefined) message.content = draft.content
    if (draft.embeds !== undefined) message.embeds = draft.embeds
    if (draft.components !== undefined) message.components = numbered(draft.components)
    const listed = draft.attachments
    if (listed) {
      const kept = message.attachments.filter(({ id }) => listed.some((one) => String(one.id) === id))
      attachments.remove(message.attachments.filter((one) => !kept.includes(one)))
      message.attachments = kept
    }
    if (files.length > 0)
      message.attachments = [
        ...message.attachments,
        ...attachments.add(message.channel.id, files, draft.attachments),
      ]
    message.flags = (message.flags | (draft.flags & flag.componentsV2)) & ~flag.loading
    message.editedAt = Date.now()
    message.edits += 1
    this.#tell('edited', message)
    return message
  }

  remove(message: Message): void {
    this.#forget(message)
    const list = this.#byChannel.get(message.channel.id) ?? []
    const at = list.indexOf(message)
    if (at >= 0) list.splice(at, 1)
    this.#tell('deleted', message)
  }

  dropChannel(id: string): void {
    for (const message of this.#byChannel.get(id) ?? []) this.#forget(message)
    this.#byChannel.delete(id)
  }

  noteThread(message: Message, thread: string): void {
    message.thread = thread
    message.flags |= flag.hasThread
  }

  find(id: string): Message | undefined {
    return this.#byId.get(id)
  }

  /** What the bot's own token reaches: never an ephemeral message. @throws ApiError 10008 */
  forBot(channel: Channel, id: string): Message {
    const message = this.#byId.get(id)
    if (!message || message.channel !== channel || message.onlyFor) throw refuse('unknownMessage')
    return message
  }

  /** Oldest first. */
  in(channel: Channel): readonly Message[] {
    return this.#byChannel.get(channel.id) ?? []
  }
}
