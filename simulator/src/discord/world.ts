/** One server with its people, roles and channels, as they are before anybody did anything. */
import { refuse } from './error.ts'
import { fixedId, snowflake } from './ids.ts'
import type { Overwrite } from './permissions.ts'
import { bits, compute, permissions, usual } from './permissions.ts'

export interface User {
  readonly id: string
  /** What tests call this person. */
  readonly name: string
  /** What is shown, which may be anything at all. */
  display: string
  readonly bot: boolean
  dmsClosed: boolean
}

export interface Role {
  readonly id: string
  readonly name: string
  readonly permissions: bigint
  readonly mentionable: boolean
}

export interface Member {
  readonly user: User
  /** Ids of roles, without @everyone. */
  roles: string[]
}

export const channelType = { text: 0, dm: 1, publicThread: 11, privateThread: 12 } as const

export interface Channel {
  readonly id: string
  name: string
  readonly type: 0 | 1 | 11 | 12
  /** Of a thread: its channel. */
  readonly parent: string | undefined
  /** Of a direct conversation with the bot: the person. */
  readonly recipient: string | undefined
  readonly owner: string | undefined
  overwrites: Overwrite[]
  archived: boolean
  locked: boolean
  lastMessage: string | undefined
}

/** Threads that are kept; older ones are forgotten, as if deleted. */
const THREADS = 2_000

const text = (id: string, name: string, overwrites: Overwrite[] = []): Channel => ({
  id,
  name,
  type: channelType.text,
  parent: undefined,
  recipient: undefined,
  owner: undefined,
  overwrites,
  archived: false,
  locked: false,
  lastMessage: undefined,
})

const person = (place: number, name: string, display: string): User => ({
  id: fixedId(place),
  name,
  display,
  bot: false,
  dmsClosed: false,
})

export class World {
  readonly bot: User = { id: fixedId(1), name: 'homelab', display: 'homelab', bot: true, dmsClosed: false }
  readonly application = this.bot.id
  /** Somebody may throw it out, and invite it again. */
  botIsIn = true
  readonly guild = { id: fixedId(2), name: 'Home' }
  readonly roles = new Map<string, Role>()
  readonly users = new Map<string, User>()
  /** Members of the guild by their user's id. */
  readonly members = new Map<string, Member>()
  readonly channels = new Map<string, Channel>()
  readonly #extra: number
  /** Address of this peer: `http://127.0.0.1:PORT`. */
  origin = ''
  #nextPerson = 60

  constructor(extraChannels: number) {
    this.#extra = extraChannels
    this.reset()
  }

  reset(): void {
    this.botIsIn = true
    for (const table of [this.roles, this.users, this.members, this.channels]) table.clear()
    const role = (place: number, name: string, held: bigint, mentionable = true): string => {
      const id = fixedId(place)
      this.roles.set(id, { id, name, permissions: held, mentionable })
      return id
    }
    role(2, '@everyone', usual, false)
    const managed = role(10, 'homelab', usual, false)
    const admins = role(11, 'admins', permissions.Administrator)
    const operators = role(12, 'operators', usual)
    const family = role(13, 'family', usual)

    this.#join(this.bot, [managed])
    this.#join(person(20, 'owner', 'Ada'), [admins])
    this.#join(person(21, 'partner', 'Bea'), [operators])
    this.#join(person(22, 'kid', 'Kit'), [family])
    this.#join(person(23, 'stranger', 'Somebody'), [])
    this.#nextPerson = 60

    const hidden: Overwrite[] = [
      { id: this.guild.id, type: 0, allow: 0n, deny: permissions.ViewChannel },
      { id: managed, type: 0, allow: permissions.ViewChannel, deny: 0n },
    ]
    const named: [string, Overwrite[]][] = [
      ['ops', []],
      ['general', []],
      ['lab-log', []],
      ['admins', hidden],
    ]
    for (let number = 1; number <= this.#extra; number += 1)
      named.push([`c-${String(number).padStart(3, '0')}`, []])
    for (const [place, [name, overwrites]] of named.entries()) {
      const id = fixedId(100 + place)
      this.channels.set(id, text(id, name, overwrites))
    }
  }

  #join(user: User, roles: string[]): User {
    this.users.set(user.id, user)
    this.members.set(user.id, { user, roles })
    return user
  }

  /** @throws Error when there is somebody of this name */
  addPerson(name: string, display: string, roles: readonly string[]): User {
    if ([...this.users.values()].some((user) => user.name === name)) throw new Error(`there is a ${name}`)
    this.#nextPerson += 1
    return this.#join(
      person(this.#nextPerson, name, display),
      roles.map((role) => this.roleNamed(role).id),
    )
  }

  addChannel(name: string): Channel {
    const channel = text(snowflake(), name)
    this.channels.set(channel.id, channel)
    return channel
  }

  /** @throws Error naming who there is */
  personNamed(name: string): User {
    const user = [...this.users.values()].find((one) => !one.bot && (one.name === name || one.id === name))
    if (user) return user
    throw new Error(`nobody is called "${name}"; there are: ${[...this.users.values()].map((u) => u.name)}`)
  }

  roleNamed(name: string): Role {
    const role = [...this.roles.values()].find((one) => one.name === name || one.id === name)
    if (role) return role
    throw new Error(`no role "${name}"; there are: ${[...this.roles.values()].map((one) => one.name)}`)
  }

  /** By name or id; `@kid` is the direct conversation with kid. */
  channelNamed(name: string): Channel {
    if (name.startsWith('@')) return this.dm(this.personNamed(name.slice(1)))
    const byName = () => [...this.channels.values()].find((one) => one.name === name && one.type !== 1)
    const channel = this.channels.get(name) ?? byName()
    if (channel) return channel
    throw new Error(`no channel "${name}"; there are: ${[...this.channels.values()].map((one) => one.name)}`)
  }

  dm(user: User): Channel {
    const open = [...this.channels.values()].find(({ recipient }) => recipient === user.id)
    if (open) return open
    const channel: Channel = { ...text(snowflake(), ''), type: channelType.dm, recipient: user.id }
    this.channels.set(channel.id, channel)
    return channel
  }

  thread(parent: Channel, id: string, name: string, owner: string, hidden: boolean): Channel {
    const type = hidden ? channelType.privateThread : channelType.publicThread
    const thread: Channel = { ...text(id, name), type, parent: parent.id, owner }
    this.channels.set(id, thread)
    const threads = [...this.channels.values()].filter((one) => one.parent !== undefined)
    for (const old of threads.slice(0, -THREADS)) this.channels.delete(old.id)
    return thread
  }

  /** @throws ApiError 10003 */
  channel(id: string): Channel {
    const channel = this.channels.get(id)
    if (!channel) throw refuse('unknownChannel')
    return channel
  }

  /** What somebody may do in a channel; nothing for who is not there. */
  may(user: User, channel: Channel): bigint {
    if (channel.recipient !== undefined)
      return user.bot || channel.recipient === user.id ? bits(...dmPermissions) : 0n
    const place = channel.parent === undefined ? channel : this.channels.get(channel.parent)
    const member = this.members.get(user.id)
    if (!member || !place || (user.bot && !this.botIsIn)) return 0n
    const roles = [this.guild.id, ...member.roles].flatMap((id) => this.roles.get(id) ?? [])
    return compute({ id: user.id, roles, owner: user.name === 'owner' }, this.guild.id, place.overwrites)
  }

  sees(user: User, channel: Channel): boolean {
    return (this.may(user, channel) & permissions.ViewChannel) !== 0n
  }

  /** The channel, if the bot sees it. @throws ApiError 10003, 50001 */
  forBot(id: string): Channel {
    const channel = this.channel(id)
    if (!this.sees(this.bot, channel)) throw refuse('missingAccess')
    return channel
  }

  /** @throws ApiError 50013 */
  demand(channel: Channel, wanted: bigint): void {
    if ((this.may(this.bot, channel) & wanted) !== wanted) throw refuse('missingPermissions')
  }
}

const dmPermissions = [
  'ViewChannel',
  'SendMessages',
  'EmbedLinks',
  'AttachFiles',
  'ReadMessageHistory',
  'UseApplicationCommands',
] as const
