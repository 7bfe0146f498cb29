import type { Random } from '../random.ts'
import type { Json } from './json.ts'

export interface User {
  readonly id: string
  name: string
  realName: string
  readonly admin: boolean
  readonly bot: boolean
  deleted: boolean
}

export interface Message {
  readonly ts: string
  readonly channel: string
  readonly user: string
  text: string
  blocks: readonly Json[]
  attachments: readonly Json[]
  files: readonly string[]
  metadata: Json | undefined
  readonly threadTs: string | undefined
  readonly broadcast: boolean
  /** The only user who sees it: an ephemeral message, which the Web API never gives out. */
  readonly only: string | undefined
  edits: number
  editedTs: string | undefined
  reactions: { readonly name: string; readonly users: string[] }[]
  /** Who was notified when it was posted: user ids, `here`, `channel`, `everyone`, `subteam:ID`. */
  readonly pings: readonly string[]
  /** Whom its markup names now, notified or not. */
  mentions: readonly string[]
  /** block_id → action_id → what people chose in it. */
  readonly state: Record<string, Record<string, Json>>
}

export interface Channel {
  readonly id: string
  name: string
  readonly kind: 'channel' | 'private' | 'im'
  readonly members: Set<string>
  archived: boolean
  /** Oldest first; only the newest are kept. */
  readonly messages: Message[]
}

export interface Group {
  readonly id: string
  readonly handle: string
  readonly users: Set<string>
  disabled: boolean
}

const PEOPLE = [
  { name: 'anna', realName: 'Anna Admin', admin: true },
  { name: 'ben', realName: 'Ben Operator', admin: false },
  { name: 'kid', realName: 'Kid', admin: false },
  { name: 'guest', realName: 'Guest', admin: false },
] as const

const GROUPS = { admins: ['anna'], operators: ['anna', 'ben'], family: ['anna', 'ben', 'kid'] } as const

/** People, channels, groups and messages. Ids depend on the seed and the name alone. */
export class Workspace {
  readonly #random: Random
  readonly #extra: number
  readonly #keep: number
  #lastTs = 0
  #made = 0
  /** Milliseconds that Slack's clock is ahead of the real one. */
  aheadMs = 0
  readonly users = new Map<string, User>()
  readonly channels = new Map<string, Channel>()
  readonly groups = new Map<string, Group>()
  readonly team: string
  readonly domain = 'homelab-family'
  readonly bot: User

  constructor(random: Random, options: { readonly channels: number; readonly keep: number }) {
    this.#random = random
    this.#extra = options.channels
    this.#keep = options.keep
    this.team = this.id('T', 'team')
    this.bot = this.#user('homelab', 'homelab', false, true)
    this.reset()
  }

  /** Everything as at the start, with the same ids. */
  reset(): void {
    this.users.clear()
    this.channels.clear()
    this.groups.clear()
    this.aheadMs = 0
    this.bot.deleted = false
    this.users.set(this.bot.id, this.bot)
    for (const { name, realName, admin } of PEOPLE) {
      const user = this.#user(name, realName, admin, false)
      this.users.set(user.id, user)
    }
    for (const [handle, names] of Object.entries(GROUPS)) {
      const users = new Set(names.map((name) => this.id('U', name)))
      const id = this.id('S', handle)
      this.groups.set(id, { id, handle, users, disabled: false })
    }
    const people = PEOPLE.map(({ name }) => name)
    this.addChannel('ops', 'channel', ['anna', 'ben', 'homelab'])
    this.addChannel('general', 'channel', [...people, 'homelab'])
    this.addChannel('family', 'channel', ['anna', 'ben', 'kid', 'homelab'])
    this.addChannel('secret', 'private', ['anna', 'homelab'])
    this.addChannel('random', 'channel', people)
    for (let index = 1; index <= this.#extra; index += 1) {
      this.addChannel(`c${index}`, 'channel', [...people, 'homelab'])
    }
  }

  #user(name: string, realName: string, admin: boolean, bot: boolean): User {
    return { id: this.id('U', name), name, realName, admin, bot, deleted: false }
  }

  /** An id in Slack's form that belongs to this name. */
  id(prefix: string, name: string): string {
    const digits = BigInt(`0x${this.#random.bytes(`${prefix} ${name}`).toString('hex')}`).toString(36)
    return `${prefix}0${digits.toUpperCase().slice(0, 9)}`
  }

  /** An id for something new. */
  newId(prefix: string): string {
    this.#made += 1
    return this.id(prefix, `new ${this.#made}`)
  }

  now(): number {
    return Date.now() + this.aheadMs
  }

  /** `1700000000.000123`, never the same twice. */
  newTs(): string {
    this.#lastTs = Math.max(this.#lastTs + 1, this.now() * 1000)
    return `${Math.floor(this.#lastTs / 1_000_000)}.${String(this.#lastTs % 1_000_000).padStart(6, '0')}`
  }

  addChannel(name: string, kind: Channel['kind'], members: readonly string[]): Channel {
    const id = this.id(kind === 'im' ? 'D' : 'C', name)
    const ids = new Set(members.map((member) => this.findUser(member)?.id ?? member))
    const channel: Channel = { id, name, kind, members: ids, archived: false, messages: [] }
    this.channels.set(id, channel)
    return channel
  }

  /** The conversation of the bot with one person, made when it is first needed. */
  im(user: string): Channel {
    return this.channels.get(this.id('D', user)) ?? this.addChannel(user, 'im', [user, this.bot.id])
  }

  /** By id or name, for the control port: the Web API knows ids. */
  findUser(reference: string): User | undefined {
    return this.users.get(reference) ?? [...this.users.values()].find(({ name }) => name === reference)
  }

  findChannel(reference: string): Channel | undefined {
    const name = reference.replace(/^#/, '')
    return (
      this.channels.get(reference) ??
      [...this.channels.values()].find((channel) => channel.kind !== 'im' && channel.name === name)
    )
  }

  findGroup(reference: string): Group | undefined {
    return this.groups.get(reference) ?? [...this.groups.values()].find(({ handle }) => handle === reference)
  }

  keepMessage(channel: Channel, message: Message): void {
    channel.messages.push(message)
    if (channel.messages.length > this.#keep) channel.messages.shift()
  }

  permalink({ channel, ts, threadTs }: Message): string {
    const thread = threadTs === undefined ? '' : `?thread_ts=${threadTs}&cid=${channel}`
    return `https://${this.domain}.slack.com/archives/${channel}/p${ts.replace('.', '')}${thread}`
  }
}
