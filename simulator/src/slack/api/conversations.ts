import type { Json } from '../json.ts'
import { string, truthy } from '../json.ts'
import { findMessage, messageJson, repliesOf } from '../messages.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { Channel, Message } from '../workspace.ts'
import type { Method } from './method.ts'
import { channelOf, need, needScope, needScopeFor, page } from './method.ts'

export function channelJson(slack: Slack, channel: Channel): Json {
  const { workspace } = slack
  if (channel.kind === 'im') {
    const user = [...channel.members].find((member) => member !== workspace.bot.id)
    return { id: channel.id, is_im: true, user, is_archived: false, context_team_id: workspace.team }
  }
  const hidden = channel.kind === 'private'
  return {
    id: channel.id,
    name: channel.name,
    name_normalized: channel.name,
    is_channel: true,
    is_group: false,
    is_im: false,
    is_mpim: false,
    is_private: hidden,
    is_archived: channel.archived,
    is_general: channel.name === 'general',
    is_member: channel.members.has(workspace.bot.id),
    is_shared: false,
    num_members: channel.members.size,
    context_team_id: workspace.team,
  }
}

/** What of a conversation is asked for: `oldest`, `latest`, `inclusive`. */
function within(args: Json): (message: Message) => boolean {
  const oldest = string(args.oldest)
  const latest = string(args.latest)
  const inclusive = truthy(args.inclusive)
  return ({ ts }) =>
    (oldest === undefined || Number(ts) > Number(oldest) || (inclusive && ts === oldest)) &&
    (latest === undefined || Number(ts) < Number(latest) || (inclusive && ts === latest))
}

const kindOf = (channel: Channel): string =>
  ({ channel: 'public_channel', private: 'private_channel', im: 'im' })[channel.kind]

const KIND_SCOPES: Readonly<Record<string, string>> = {
  public_channel: 'channels:read',
  private_channel: 'groups:read',
  im: 'im:read',
  mpim: 'mpim:read',
}

function listed(args: Json, slack: Slack, mine: boolean): Json {
  const types = (string(args.types) ?? 'public_channel').split(',').map((type) => type.trim())
  for (const type of types) {
    const scope = KIND_SCOPES[type]
    if (scope === undefined) throw new Refusal('invalid_types')
    needScope(slack, scope)
  }
  const { bot, channels } = slack.workspace
  const all = [...channels.values()].filter(
    (channel) =>
      types.includes(kindOf(channel)) &&
      (channel.members.has(bot.id) || (channel.kind === 'channel' && !mine)) &&
      !(truthy(args.exclude_archived) && channel.archived),
  )
  const { items, next } = page(all, args)
  return {
    channels: items.map((channel) => channelJson(slack, channel)),
    response_metadata: { next_cursor: next },
  }
}

function messages(slack: Slack, found: readonly Message[], args: Json): Json {
  const { items, next } = page(found, args)
  const metadata = truthy(args.include_all_metadata)
  return {
    messages: items.map((message) => {
      const { metadata: hidden, ...shown } = messageJson(slack, message)
      return metadata && hidden !== undefined ? { ...shown, metadata: hidden } : shown
    }),
    has_more: next !== '',
    response_metadata: { next_cursor: next },
  }
}

function readable(slack: Slack, args: Json): Channel {
  const channel = channelOf(slack, args)
  needScopeFor(slack, channel, 'history')
  if (!channel.members.has(slack.workspace.bot.id)) throw new Refusal('not_in_channel')
  return channel
}

export const conversations: Readonly<Record<string, Method>> = {
  'conversations.history': {
    token: 'bot',
    tier: 3,
    run: (args, slack) => {
      const channel = readable(slack, args)
      const found = channel.messages.filter(
        ({ threadTs, broadcast, only }) => (threadTs === undefined || broadcast) && only === undefined,
      )
      return messages(slack, found.filter(within(args)).toReversed(), args)
    },
  },
  'conversations.replies': {
    token: 'bot',
    tier: 3,
    run: (args, slack) => {
      const channel = readable(slack, args)
      const parent = findMessage(channel, need(args, 'ts', 'thread_not_found'))
      if (!parent || parent.only !== undefined) throw new Refusal('thread_not_found')
      return messages(slack, [parent, ...repliesOf(slack, parent).filter(within(args))], args)
    },
  },
  'conversations.info': {
    token: 'bot',
    tier: 3,
    run: (args, slack) => {
      const channel = channelOf(slack, args)
      needScopeFor(slack, channel, 'read')
      return { channel: channelJson(slack, channel) }
    },
  },
  'conversations.list': { token: 'bot', tier: 2, run: (args, slack) => listed(args, slack, false) },
  'users.conversations': { token: 'bot', tier: 3, run: (args, slack) => listed(args, slack, true) },
  'conversations.open': {
    token: 'bot',
    tier: 3,
    scope: 'im:write',
    run: (args, slack) => {
      const user = slack.workspace.users.get(need(args, 'users', 'users_list_not_supplied'))
      if (!user) throw new Refusal('user_not_found')
      if (user.deleted) throw new Refusal('user_disabled')
      if (user.bot) throw new Refusal('cannot_dm_bot')
      const known = slack.workspace.channels.has(slack.workspace.id('D', user.id))
      const channel = slack.workspace.im(user.id)
      return { ...(known && { no_op: true, already_open: true }), channel: { id: channel.id } }
    },
  },
  'conversations.join': {
    token: 'bot',
    tier: 3,
    scope: 'channels:join',
    run: (args, slack) => {
      const channel = channelOf(slack, args)
      if (channel.kind !== 'channel') throw new Refusal('method_not_supported_for_channel_type')
      if (channel.archived) throw new Refusal('is_archived')
      const { bot } = slack.workspace
      const already = channel.members.has(bot.id)
      channel.members.add(bot.id)
      if (!already) joined(slack, channel, bot.id)
      return { channel: channelJson(slack, channel), ...(already && { warning: 'already_in_channel' }) }
    },
  },
  'conversations.members': {
    token: 'bot',
    tier: 4,
    run: (args, slack) => {
      const channel = channelOf(slack, args)
      needScopeFor(slack, channel, 'read')
      const { items, next } = page([...channel.members], args)
      return { members: items, response_metadata: { next_cursor: next } }
    },
  },
}

/** Tells the app that somebody, or itself, came in. */
export function joined(slack: Slack, channel: Channel, user: string): void {
  if (!channel.members.has(slack.workspace.bot.id)) return
  slack.events.emit('member_joined_channel', {
    type: 'member_joined_channel',
    user,
    channel: channel.id,
    channel_type: channel.kind === 'private' ? 'G' : 'C',
    team: slack.workspace.team,
    event_ts: slack.workspace.newTs(),
  })
}
