/** Who the bot is, where it connects, and the server it is in. */
import { refuse } from '../../error.ts'
import { IDENTIFIES } from '../../faults.ts'
import {
  applicationPayload,
  channelPayload,
  guildPayload,
  memberPayload,
  rolesPayload,
  userPayload,
} from '../../payload.ts'
import type { World } from '../../world.ts'
import { channelType } from '../../world.ts'
import type { Call, Route } from '../route.ts'
import { ok } from '../route.ts'

const DAY_MS = 86_400_000

/** @throws ApiError 50001: one bot knows one server */
export function ownGuild({ peer, param }: Call): World {
  if (param('guild') !== peer.world.guild.id || !peer.world.botIsIn) throw refuse('missingAccess')
  return peer.world
}

const application: Route['handle'] = ({ peer }) => ok(applicationPayload(peer.world))

export const serverRoutes: readonly Route[] = [
  { method: 'GET', path: '/gateway', bot: false, handle: ({ peer }) => ok({ url: peer.gateway.url }) },
  {
    method: 'GET',
    path: '/gateway/bot',
    handle: ({ peer }) =>
      ok({
        url: peer.gateway.url,
        shards: 1,
        session_start_limit: {
          total: IDENTIFIES,
          remaining: Math.max(0, peer.faults.identifiesLeft),
          reset_after: DAY_MS - (Date.now() % DAY_MS),
          max_concurrency: 1,
        },
      }),
  },
  {
    method: 'GET',
    path: '/users/@me',
    handle: ({ peer }) =>
      ok({ ...userPayload(peer.world.bot), verified: true, mfa_enabled: false, email: null, flags: 0 }),
  },
  {
    method: 'GET',
    path: '/users/@me/guilds',
    handle: ({ peer: { world } }) =>
      ok([{ ...world.guild, icon: null, owner: false, permissions: '0', features: [] }]),
  },
  {
    method: 'GET',
    path: '/users/:user',
    handle: ({ peer, param }) => {
      const user = peer.world.users.get(param('user'))
      if (!user) throw refuse('unknownUser')
      return ok(userPayload(user))
    },
  },
  { method: 'GET', path: '/applications/@me', handle: application },
  { method: 'GET', path: '/oauth2/applications/@me', handle: application },
  { method: 'GET', path: '/guilds/:guild', handle: (call) => ok(guildPayload(ownGuild(call))) },
  {
    method: 'GET',
    path: '/guilds/:guild/channels',
    handle: (call) => {
      const world = ownGuild(call)
      const places = [...world.channels.values()].filter(({ type }) => type === channelType.text)
      return ok(places.map((channel) => channelPayload(world, channel)))
    },
  },
  { method: 'GET', path: '/guilds/:guild/roles', handle: (call) => ok(rolesPayload(ownGuild(call))) },
  {
    method: 'GET',
    path: '/guilds/:guild/members',
    // The list is for bots with the privileged intent alone.
    handle: (call) => {
      const world = ownGuild(call)
      if (!call.peer.faults.privileged.includes('GuildMembers')) throw refuse('missingAccess')
      const all = [...world.members.values()]
      return ok(all.map((member) => ({ ...memberPayload(member), user: userPayload(member.user) })))
    },
  },
  {
    method: 'GET',
    path: '/guilds/:guild/members/:user',
    handle: (call) => {
      const member = ownGuild(call).members.get(call.param('user'))
      if (!member) throw refuse('unknownMember')
      return ok({ ...memberPayload(member), user: userPayload(member.user) })
    },
  },
]
