/** Posting, changing and removing messages, whichever way it is asked for. */
import type { Content } from './content.ts'
import type { Json } from './json.ts'
import { mentionsInBlocks, notified } from './markup.ts'
import { Refusal } from './refusal.ts'
import type { Slack } from './slack.ts'
import type { Channel, Message } from './workspace.ts'

export interface PostOptions {
  readonly user: string
  readonly threadTs?: string | undefined
  readonly broadcast?: boolean
  readonly only?: string | undefined
  readonly files?: readonly string[]
}

/** The newest are asked for most: from the end. */
export const findMessage = (channel: Channel, ts: string): Message | undefined =>
  channel.messages.findLast((message) => message.ts === ts)

const subscriptionOf = ({ kind }: Channel): string =>
  ({ im: 'message.im', private: 'message.groups', channel: 'message.channels' })[kind]

const channelType = ({ kind }: Channel): string => ({ im: 'im', private: 'group', channel: 'channel' })[kind]

/** A message as the Web API and events show it. */
export function messageJson(slack: Slack, message: Message): Json {
  const { workspace, app } = slack
  const bot = message.user === workspace.bot.id
  const replies = repliesOf(slack, message)
  return {
    type: 'message',
    user: message.user,
    ts: message.ts,
    text: message.text,
    team: workspace.team,
    ...(bot && {
      bot_id: app.botId,
      app_id: app.id,
      bot_profile: { id: app.botId, app_id: app.id, name: workspace.bot.name, deleted: false },
    }),
    ...(message.blocks.length > 0 && { blocks: message.blocks }),
    ...(message.attachments.length > 0 && { attachments: message.attachments }),
    ...(message.files.length > 0 && {
      files: message.files.map((id) => ({
        id,
        name: slack.files.get(id)?.name,
        title: slack.files.get(id)?.title,
        size: slack.files.get(id)?.length,
      })),
    }),
    ...(message.metadata && { metadata: message.metadata }),
    ...(message.threadTs !== undefined && {
      thread_ts: message.threadTs,
      parent_user_id: parentOf(slack, message)?.user ?? message.user,
    }),
    ...(message.broadcast && { subtype: 'thread_broadcast' }),
    ...(replies.length > 0 && {
      thread_ts: message.ts,
      reply_count: replies.length,
      latest_reply: replies.at(-1)?.ts,
      reply_users: [...new Set(replies.map(({ user }) => user))],
    }),
    ...(message.editedTs !== undefined && { edited: { user: message.user, ts: message.editedTs } }),
    ...(message.reactions.length > 0 && {
      reactions: message.reactions.map(({ name, users }) => ({ name, users, count: users.length })),
    }),
  }
}

const parentOf = (slack: Slack, { channel, threadTs }: Message): Message | undefined => {
  const place = slack.workspace.channels.get(channel)
  return place && threadTs !== undefined ? findMessage(place, threadTs) : undefined
}

export function repliesOf(slack: Slack, { channel, ts }: Message): readonly Message[] {
  const place = slack.workspace.channels.get(channel)
  return place?.messages.filter((message) => message.threadTs === ts && message.only === undefined) ?? []
}

/** Tells the app of a message in a conversation that it listens to, its own among them. */
function tell(slack: Slack, channel: Channel, event: Json): void {
  if (!channel.members.has(slack.workspace.bot.id)) return
  slack.events.emit(subscriptionOf(channel), {
    type: 'message',
    channel: channel.id,
    channel_type: channelType(channel),
    ...event,
  })
}

export function post(slack: Slack, channel: Channel, content: Content, options: PostOptions): Message {
  const { workspace, journal } = slack
  const only = options.only
  const pings =
    only === undefined ? notified(content.pings, channel) : content.pings.filter((who) => who === only)
  const message: Message = {
    ts: workspace.newTs(),
    channel: channel.id,
    user: options.user,
    text: content.text ?? '',
    blocks: content.blocks ?? [],
    attachments: content.attachments ?? [],
    files: options.files ?? [],
    metadata: content.metadata,
    threadTs: options.threadTs,
    broadcast: options.broadcast ?? false,
    only,
    edits: 0,
    editedTs: undefined,
    reactions: [],
    pings,
    mentions: content.mentions,
    state: {},
  }
  workspace.keepMessage(channel, message)
  for (const who of pings) journal.count('pings', who)
  journal.counts.messages[only === undefined ? 'posted' : 'ephemeral'] += 1
  note(slack, 'posted', message)
  if (only === undefined) {
    const { type: _, ...event } = messageJson(slack, message)
    tell(slack, channel, { ...event, event_ts: message.ts })
  }
  return message
}

function note(slack: Slack, kind: 'posted' | 'updated' | 'deleted', message: Message): void {
  const { channel, ts, threadTs: thread, only, user: by, text } = message
  slack.journal.add({ kind, channel, ts, thread, only, by, text })
}

/** Changes what the content says of; nobody is notified of an edit. */
export function update(slack: Slack, channel: Channel, message: Message, content: Content): void {
  const previous = messageJson(slack, message)
  if (content.text !== undefined) message.text = content.text
  if (content.blocks !== undefined) message.blocks = content.blocks
  if (content.attachments !== undefined) message.attachments = content.attachments
  if (content.metadata !== undefined) message.metadata = content.metadata
  message.mentions = [
    ...new Set([
      ...content.mentions,
      ...mentionsInBlocks(content.blocks === undefined ? message.blocks : [], slack.workspace),
      ...mentionsInBlocks(content.attachments === undefined ? message.attachments : [], slack.workspace),
    ]),
  ]
  message.edits += 1
  message.editedTs = slack.workspace.newTs()
  slack.journal.counts.messages.updated += 1
  note(slack, 'updated', message)
  if (message.only === undefined) {
    tell(slack, channel, {
      subtype: 'message_changed',
      message: messageJson(slack, message),
      previous_message: previous,
      hidden: true,
      ts: message.editedTs,
      event_ts: message.editedTs,
    })
  }
}

/** @throws Refusal when it is not there any more */
export function remove(slack: Slack, channel: Channel, ts: string): void {
  const index = channel.messages.findLastIndex((message) => message.ts === ts)
  const [message] = index < 0 ? [] : channel.messages.splice(index, 1)
  if (!message) throw new Refusal('message_not_found')
  slack.journal.counts.messages.deleted += 1
  note(slack, 'deleted', message)
  if (message.only === undefined) {
    const at = slack.workspace.newTs()
    tell(slack, channel, { subtype: 'message_deleted', deleted_ts: ts, hidden: true, ts: at, event_ts: at })
  }
}
