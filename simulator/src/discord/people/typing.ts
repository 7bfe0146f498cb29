/** A command as a person types it, held against what is registered: the client lets nothing else be sent. */
import { optionType } from '../check/commands.ts'
import type { Json } from '../check/form.ts'
import { isJson } from '../check/form.ts'
import type { Command } from '../commands.ts'
import type { Peer } from '../peer.ts'
import { bits, permissions } from '../permissions.ts'
import type { Channel, User } from '../world.ts'
import { channelType } from '../world.ts'

export interface Typed {
  readonly command: Command
  /** `homelab restart` */
  readonly name: string
  readonly data: Json
  /** Ids that the options name. */
  readonly named: readonly string[]
}

export interface Typing {
  readonly user: User
  readonly channel: Channel
  /** `['restart']` when there is one command, else with its name first. */
  readonly path: readonly string[]
  readonly options: Json
  /** The option that is being typed: nothing is required yet. */
  readonly focused?: string | undefined
}

const children = (value: Json): readonly Json[] =>
  Array.isArray(value.options) ? value.options.filter(isJson) : []

const isNested = ({ type }: Json): boolean => type === optionType.subcommand || type === optionType.group

function maySee(peer: Peer, command: Command, user: User, channel: Channel): boolean {
  const needed = command.default_member_permissions
  if (typeof needed !== 'string' || channel.recipient !== undefined) return true
  const held = peer.world.may(user, channel)
  if ((held & permissions.Administrator) !== 0n) return true
  return needed !== '0' && (held & BigInt(needed)) === BigInt(needed)
}

/** All that the client offers this person here; duplicates show, as they do. */
export function offered(peer: Peer, user: User, channel: Channel): readonly Command[] {
  const { world, commands } = peer
  const direct = channel.type === channelType.dm
  if ((world.may(user, channel) & bits('UseApplicationCommands')) === 0n) return []
  const fits = ({ contexts, dm_permission: inDm }: Command): boolean =>
    Array.isArray(contexts) ? contexts.includes(direct ? 1 : 0) : !direct || inDm !== false
  return [...(direct ? [] : commands.list(world.guild.id)), ...commands.list('global')]
    .filter(({ type }) => type === 1)
    .filter((command) => fits(command) && maySee(peer, command, user, channel))
}

function idOf(peer: Peer, type: unknown, value: string): string {
  const { world } = peer
  if (type === optionType.channel) return world.channelNamed(value).id
  if (type === optionType.role) return world.roleNamed(value).id
  if (type === optionType.mentionable && world.roles.has(value)) return value
  return world.personNamed(value).id
}

function plainValue(option: Json, value: unknown): string | number | boolean {
  const { type, name, choices, min_value: least, max_value: most } = option
  const wrong = (what: string): Error => new Error(`option ${String(name)} ${what}: ${JSON.stringify(value)}`)
  if (type === optionType.boolean) {
    if (typeof value !== 'boolean') throw wrong('is yes or no')
    return value
  }
  if (type === optionType.integer || type === optionType.number) {
    if (typeof value !== 'number') throw wrong('is a number')
    if (type === optionType.integer && !Number.isInteger(value)) throw wrong('is a whole number')
    if (typeof least === 'number' && value < least) throw wrong(`is at least ${least}`)
    if (typeof most === 'number' && value > most) throw wrong(`is at most ${most}`)
  } else {
    if (typeof value !== 'string') throw wrong('is a text')
    const { min_length: shortest, max_length: longest } = option
    if (value.length > (typeof longest === 'number' ? longest : 6_000)) throw wrong('is too long')
    if (value.length < (typeof shortest === 'number' ? shortest : 0)) throw wrong('is too short')
  }
  const list: readonly unknown[] = Array.isArray(choices) ? choices : []
  const fits = list.find((choice) => isJson(choice) && (choice.value === value || choice.name === value))
  if (list.length > 0 && !isJson(fits)) throw wrong('has no such choice')
  const chosen: unknown = isJson(fits) ? fits.value : value
  return chosen as string | number
}

const mentions: readonly unknown[] = [6, 7, 8, 9]

/** @throws Error with what the client would say */
export function type(peer: Peer, typing: Typing): Typed {
  const { user, channel, path, options, focused } = typing
  if (!peer.world.sees(user, channel)) throw new Error(`${user.name} does not see this channel`)
  const list = offered(peer, user, channel)
  const root = list.find(({ name }) => name === path[0]) ?? (list.length === 1 ? list[0] : undefined)
  const names = list.map(({ name }) => `/${name}`).join(', ') || 'none'
  if (!root) throw new Error(`/${path.join(' ')} is not registered here; there are: ${names}`)
  const steps = root.name === path[0] ? path.slice(1) : path

  let node: Json = root
  const chain: Json[] = []
  for (const step of steps) {
    const next = children(node).find((child) => child.name === step && isNested(child))
    const there = children(node)
      .filter(isNested)
      .map(({ name }) => name)
    if (!next) throw new Error(`/${root.name} has no "${steps.join(' ')}"; there are: ${there.join(', ')}`)
    chain.push(next)
    node = next
  }
  if (children(node).some(isNested)) throw new Error(`/${root.name} ${steps.join(' ')} needs a subcommand`)

  const known = children(node)
  for (const name of Object.keys(options))
    if (!known.some((option) => option.name === name)) {
      throw new Error(`no option "${name}"; there are: ${known.map((option) => option.name).join(', ')}`)
    }
  const named: string[] = []
  const filled = known.flatMap((option): readonly Json[] => {
    const value = options[String(option.name)]
    if (option.name === focused) {
      if (option.autocomplete !== true) throw new Error(`option ${focused} suggests nothing`)
      return [{ name: option.name, type: option.type, value: value ?? '', focused: true }]
    }
    if (value === undefined) {
      if (option.required === true && focused === undefined)
        throw new Error(`option ${String(option.name)} is required`)
      return []
    }
    if (!mentions.includes(option.type))
      return [{ name: option.name, type: option.type, value: plainValue(option, value) }]
    const id = idOf(peer, option.type, String(value))
    named.push(id)
    return [{ name: option.name, type: option.type, value: id }]
  })
  if (focused !== undefined && !filled.some((one) => one.focused === true))
    throw new Error(`no option "${focused}"`)
  const inner = chain.reduceRight<readonly Json[]>(
    (inside, { name, type: kind }) => [{ name, type: kind, options: inside }],
    filled,
  )
  return {
    command: root,
    name: [root.name, ...steps].join(' '),
    named,
    data: {
      id: root.id,
      name: root.name,
      type: 1,
      options: inner,
      ...(root.guild_id !== undefined && { guild_id: root.guild_id }),
    },
  }
}
