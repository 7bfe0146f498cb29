/** What a bot is told when somebody does something. */
import type { Json } from '../check/form.ts'
import type { Interaction } from '../interactions.ts'
import { channelPayload, memberPayload, userPayload } from '../payload.ts'
import type { Peer } from '../peer.ts'
import { channelType } from '../world.ts'

export function interactionPayload(
  peer: Peer,
  interaction: Interaction,
  data: Json,
  message?: object,
): object {
  const { world } = peer
  const { user, channel } = interaction
  const direct = channel.type === channelType.dm
  const member = world.members.get(user.id)
  const who = { ...userPayload(user) }
  return {
    id: interaction.id,
    application_id: world.application,
    type: interaction.type,
    token: interaction.token,
    version: 1,
    data,
    channel_id: channel.id,
    channel: { ...channelPayload(world, channel), permissions: String(world.may(user, channel)) },
    app_permissions: String(world.may(world.bot, channel)),
    locale: 'en-US',
    entitlements: [],
    authorizing_integration_owners: { '0': direct ? '0' : world.guild.id },
    context: direct ? 1 : 0,
    attachment_size_limit: 10_485_760,
    ...(message && { message }),
    ...(direct
      ? { user: who }
      : {
          guild_id: world.guild.id,
          guild: { id: world.guild.id, locale: 'en-US', features: [] },
          guild_locale: 'en-US',
          member: member && {
            ...memberPayload(member),
            user: who,
            permissions: String(world.may(user, channel)),
          },
        }),
  }
}

/** Users, members, roles and channels that are named by options or selects. */
export function resolved(peer: Peer, ids: readonly string[]): object {
  const { world } = peer
  const users = ids.flatMap((id) => world.users.get(id) ?? [])
  const of = (entries: readonly (readonly [string, object])[]) => Object.fromEntries(entries)
  return {
    users: of(users.map((user) => [user.id, userPayload(user)])),
    members: of(
      users.flatMap((user) => {
        const member = world.members.get(user.id)
        return member ? [[user.id, { ...memberPayload(member), permissions: '0' }] as const] : []
      }),
    ),
    channels: of(
      ids.flatMap((id) => {
        const channel = world.channels.get(id)
        return channel ? [[id, { ...channelPayload(world, channel), permissions: '0' }] as const] : []
      }),
    ),
    roles: of(
      ids.flatMap((id) => {
        const role = world.roles.get(id)
        if (!role) return []
        const { name, permissions } = role
        return [
          [
            id,
            {
              id,
              name,
              permissions: String(permissions),
              color: 0,
              hoist: false,
              position: 1,
              managed: false,
              mentionable: true,
              flags: 0,
            },
          ] as const,
        ]
      }),
    ),
  }
}
