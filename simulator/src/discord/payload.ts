/** People, roles, channels and the server in the form of the API. */
import type { Overwrite } from './permissions.ts'
import type { Channel, Member, Role, User, World } from './world.ts'
import { channelType } from './world.ts'

const JOINED = '2024-01-01T00:00:00.000000+00:00'

export const userPayload = (user: User): object => ({
  id: user.id,
  username: user.name,
  global_name: user.bot ? null : user.display,
  discriminator: user.bot ? '4242' : '0',
  avatar: null,
  bot: user.bot,
  public_flags: 0,
})

export const memberPayload = (member: Member): object => ({
  nick: member.user.bot ? null : member.user.display,
  avatar: null,
  roles: member.roles,
  joined_at: JOINED,
  premium_since: null,
  deaf: false,
  mute: false,
  flags: 0,
  pending: false,
})

const rolePayload = (role: Role, position: number): object => ({
  id: role.id,
  name: role.name,
  color: 0,
  hoist: false,
  position,
  permissions: String(role.permissions),
  managed: role.name === 'homelab',
  mentionable: role.mentionable,
  flags: 0,
  ...(role.name === 'homelab' && { tags: {} }),
})

const overwritePayload = ({ id, type, allow, deny }: Overwrite): object => ({
  id,
  type,
  allow: String(allow),
  deny: String(deny),
})

export function channelPayload(world: World, channel: Channel): object {
  const shared = {
    id: channel.id,
    type: channel.type,
    last_message_id: channel.lastMessage ?? null,
    flags: 0,
  }
  if (channel.type === channelType.dm) {
    const recipient = world.users.get(channel.recipient ?? '')
    return { ...shared, recipients: recipient ? [userPayload(recipient)] : [] }
  }
  const inGuild = { ...shared, guild_id: world.guild.id, name: channel.name, rate_limit_per_user: 0 }
  if (channel.parent === undefined)
    return {
      ...inGuild,
      position: 0,
      parent_id: null,
      topic: null,
      nsfw: false,
      permission_overwrites: channel.overwrites.map(overwritePayload),
    }
  return {
    ...inGuild,
    parent_id: channel.parent,
    owner_id: channel.owner,
    message_count: 0,
    member_count: 1,
    total_message_sent: 0,
    thread_metadata: {
      archived: channel.archived,
      locked: channel.locked,
      auto_archive_duration: 1440,
      archive_timestamp: JOINED,
      create_timestamp: JOINED,
    },
  }
}

export const rolesPayload = (world: World): readonly object[] => [...world.roles.values()].map(rolePayload)

export function guildPayload(world: World): object {
  return {
    id: world.guild.id,
    name: world.guild.name,
    icon: null,
    splash: null,
    discovery_splash: null,
    owner_id: world.personNamed('owner').id,
    afk_channel_id: null,
    afk_timeout: 300,
    verification_level: 0,
    default_message_notifications: 1,
    explicit_content_filter: 0,
    roles: rolesPayload(world),
    emojis: [],
    stickers: [],
    features: [],
    mfa_level: 0,
    application_id: null,
    system_channel_id: null,
    system_channel_flags: 0,
    rules_channel_id: null,
    public_updates_channel_id: null,
    safety_alerts_channel_id: null,
    premium_tier: 0,
    premium_subscription_count: 0,
    premium_progress_bar_enabled: false,
    preferred_locale: 'en-US',
    nsfw_level: 0,
    vanity_url_code: null,
    description: null,
    banner: null,
    max_members: 500_000,
  }
}

/** As the gateway tells it after READY: with what the bot sees, and of the members itself alone. */
export function guildCreatePayload(world: World): object {
  const seen = [...world.channels.values()].filter(
    (channel) => channel.type !== channelType.dm && world.sees(world.bot, channel),
  )
  const self = world.members.get(world.bot.id)
  return {
    ...guildPayload(world),
    joined_at: JOINED,
    large: false,
    unavailable: false,
    member_count: world.members.size,
    voice_states: [],
    presences: [],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
    members: self ? [{ ...memberPayload(self), user: userPayload(self.user) }] : [],
    channels: seen.filter(({ parent }) => !parent).map((channel) => channelPayload(world, channel)),
    threads: seen.filter(({ parent }) => parent).map((channel) => channelPayload(world, channel)),
  }
}

export function applicationPayload(world: World): object {
  const owner = userPayload(world.personNamed('owner'))
  return {
    id: world.application,
    name: 'homelab',
    icon: null,
    description: '',
    bot_public: false,
    bot_require_code_grant: false,
    verify_key: '0'.repeat(64),
    flags: 0,
    approximate_guild_count: 1,
    redirect_uris: [],
    interactions_endpoint_url: null,
    summary: '',
    team: null,
    owner,
    bot: userPayload(world.bot),
  }
}
