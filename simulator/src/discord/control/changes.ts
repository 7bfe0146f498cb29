/** What happens behind the bot's back: rights taken away, channels and messages deleted, sockets cut. */
import type { Json } from '../check/form.ts'
import { intent } from '../gateway/session.ts'
import { setAhead } from '../ids.ts'
import { channelPayload, guildCreatePayload, memberPayload, userPayload } from '../payload.ts'
import type { Peer } from '../peer.ts'
import { bits, isPermission } from '../permissions.ts'
import type { Channel } from '../world.ts'

export function applyFaults({ faults, gateway }: Peer): void {
  setAhead(faults.clockAheadMs)
  if (faults.tokenRevoked) gateway.revoke()
}

/** The commands of a server go with the bot, and do not come back with it. */
function belong({ world, commands, gateway }: Peer, inside: boolean): void {
  world.botIsIn = inside
  if (inside) gateway.dispatch('GUILD_CREATE', intent.Guilds, guildCreatePayload(world))
  else {
    commands.drop(world.guild.id)
    gateway.dispatch('GUILD_DELETE', intent.Guilds, { id: world.guild.id })
  }
}

const gatewayActs: Readonly<Record<string, (peer: Peer) => void>> = {
  cut: ({ gateway }) => gateway.cut(),
  reconnect: ({ gateway }) => gateway.ask('reconnect'),
  resumable: ({ gateway }) => gateway.ask('resumable'),
  invalid: ({ gateway }) => gateway.ask('invalid'),
  deaf: ({ gateway }) => gateway.deafen('all'),
  deafEvents: ({ gateway }) => gateway.deafen('events'),
  hear: ({ gateway }) => gateway.deafen('no'),
  forget: ({ gateway }) => gateway.forgetAll(),
  kick: (peer) => belong(peer, false),
  invite: (peer) => belong(peer, true),
}

/** @throws Error naming what there is */
export function changeGateway(peer: Peer, name: string): void {
  const act = gatewayActs[name]
  if (!act) throw new Error(`no act "${name}"; there are: ${Object.keys(gatewayActs).join(', ')}`)
  act(peer)
}

function deny(peer: Peer, channel: Channel, names: readonly unknown[]): void {
  const { world } = peer
  const list = names.map(String).map((name) => {
    if (!isPermission(name)) throw new Error(`no permission "${name}"`)
    return name
  })
  const others = channel.overwrites.filter(({ id }) => id !== world.bot.id)
  channel.overwrites = [...others, { id: world.bot.id, type: 1, allow: 0n, deny: bits(...list) }]
}

/**
 * `delete: true`, `botDenied: ['ViewChannel', …]` (an empty list gives all back), `create: true`, `archived`, `locked`.
 * @throws Error for anything else
 */
export function changeChannel(peer: Peer, name: string, change: Json): object {
  const { world, gateway, messages } = peer
  if (change.create === true) {
    const made = world.addChannel(name)
    gateway.dispatch('CHANNEL_CREATE', intent.Guilds, channelPayload(world, made))
    return { id: made.id }
  }
  const channel = world.channelNamed(name)
  for (const [what, value] of Object.entries(change)) {
    if (what === 'delete' && value === true) {
      const threads = [...world.channels.values()].filter(({ parent }) => parent === channel.id)
      for (const gone of [channel, ...threads]) {
        world.channels.delete(gone.id)
        messages.dropChannel(gone.id)
      }
      const event = channel.parent === undefined ? 'CHANNEL_DELETE' : 'THREAD_DELETE'
      gateway.dispatch(event, intent.Guilds, channelPayload(world, channel))
    } else if (what === 'botDenied' && Array.isArray(value)) {
      deny(peer, channel, value)
      gateway.dispatch('CHANNEL_UPDATE', intent.Guilds, channelPayload(world, channel))
    } else if ((what === 'archived' || what === 'locked') && typeof value === 'boolean') {
      channel[what] = value
      gateway.dispatch('THREAD_UPDATE', intent.Guilds, channelPayload(world, channel))
    } else throw new Error(`a channel cannot be given ${what}: ${JSON.stringify(value)}`)
  }
  return { id: channel.id }
}

/**
 * `roles` (names or ids), `display`, `dmsClosed`, `leave: true`; `create: true` for somebody new.
 * @throws Error for anything else
 */
export function changePerson(peer: Peer, name: string, change: Json): object {
  const { world, gateway } = peer
  const { create, ...rest } = change
  const roles = Array.isArray(rest.roles) ? rest.roles.map(String) : []
  if (create === true) {
    const display = typeof rest.display === 'string' ? rest.display : name
    return { id: world.addPerson(name, display, roles).id }
  }
  const user = world.personNamed(name)
  for (const [what, value] of Object.entries(rest)) {
    const member = world.members.get(user.id)
    if (what === 'roles' && member) member.roles = roles.map((role) => world.roleNamed(role).id)
    else if (what === 'display' && typeof value === 'string') user.display = value
    else if (what === 'dmsClosed' && typeof value === 'boolean') user.dmsClosed = value
    else if (what === 'leave' && value === true) world.members.delete(user.id)
    else throw new Error(`a person cannot be given ${what}: ${JSON.stringify(value)}`)
  }
  const member = world.members.get(user.id)
  const who = { guild_id: world.guild.id, user: userPayload(user) }
  // Only a bot with the privileged intent hears of it.
  if (member)
    gateway.dispatch('GUILD_MEMBER_UPDATE', intent.GuildMembers, { ...memberPayload(member), ...who })
  else gateway.dispatch('GUILD_MEMBER_REMOVE', intent.GuildMembers, who)
  return { id: user.id }
}

/** @throws Error */
export function deleteMessage({ messages }: Peer, id: string): void {
  const message = messages.find(id)
  if (!message) throw new Error(`no message ${id}`)
  messages.remove(message)
}
