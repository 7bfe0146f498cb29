import { checkContent } from '../content.ts'
import type { Json } from '../json.ts'
import { string, truthy } from '../json.ts'
import { findMessage, messageJson, post, remove, update } from '../messages.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { Channel, Message } from '../workspace.ts'
import type { Method } from './method.ts'
import { channelOf, need } from './method.ts'

/** Where to post: an id, a name with or without `#`, or a person's id for the conversation with them. */
function target(slack: Slack, args: Json): Channel {
  const { workspace } = slack
  const reference = need(args, 'channel', 'channel_not_found')
  if (workspace.users.has(reference)) return workspace.im(reference)
  const channel = workspace.findChannel(reference)
  return channelOf(slack, { channel: channel?.id ?? reference })
}

/** @throws Refusal when the bot may not write there */
export function mayWrite(slack: Slack, channel: Channel): void {
  const { workspace, app } = slack
  if (channel.archived) throw new Refusal('is_archived')
  if (channel.members.has(workspace.bot.id)) return
  if (channel.kind !== 'channel' || !app.scopes.includes('chat:write.public'))
    throw new Refusal('not_in_channel')
}

/** @throws Refusal when the thread is not there */
export function threadOf(channel: Channel, args: Json): string | undefined {
  const ts = string(args.thread_ts)
  if (ts === undefined || ts === '') return undefined
  if (!/^\d+\.\d+$/.test(ts)) throw new Refusal('invalid_thread_ts')
  const parent = findMessage(channel, ts)
  if (!parent) throw new Refusal('thread_not_found')
  // An answer to a reply goes into the reply's thread.
  return parent.threadTs ?? ts
}

function own(slack: Slack, args: Json, code: string): { channel: Channel; message: Message } {
  const channel = channelOf(slack, args)
  const ts = need(args, 'ts', 'message_not_found')
  const message = findMessage(channel, ts)
  if (!message || message.only !== undefined) throw new Refusal('message_not_found')
  if (message.user !== slack.workspace.bot.id) throw new Refusal(code)
  if (channel.archived) throw new Refusal('is_archived')
  return { channel, message }
}

export const chat: Readonly<Record<string, Method>> = {
  'chat.postMessage': {
    token: 'bot',
    tier: 'post',
    scope: 'chat:write',
    run: (args, slack) => {
      const channel = target(slack, args)
      mayWrite(slack, channel)
      const threadTs = threadOf(channel, args)
      const message = post(slack, channel, checkContent(args, slack.workspace, 'post'), {
        user: slack.workspace.bot.id,
        threadTs,
        broadcast: threadTs !== undefined && truthy(args.reply_broadcast),
      })
      return { channel: channel.id, ts: message.ts, message: messageJson(slack, message) }
    },
  },
  'chat.postEphemeral': {
    token: 'bot',
    tier: 4,
    scope: 'chat:write',
    run: (args, slack) => {
      const channel = channelOf(slack, args)
      const user = need(args, 'user', 'user_not_in_channel')
      mayWrite(slack, channel)
      if (!channel.members.has(user)) throw new Refusal('user_not_in_channel')
      const message = post(slack, channel, checkContent(args, slack.workspace, 'post'), {
        user: slack.workspace.bot.id,
        threadTs: threadOf(channel, args),
        only: user,
      })
      return { message_ts: message.ts }
    },
  },
  'chat.update': {
    token: 'bot',
    tier: 3,
    scope: 'chat:write',
    run: (args, slack) => {
      const { channel, message } = own(slack, args, 'cant_update_message')
      if (slack.faults.editWindowClosed) throw new Refusal('edit_window_closed')
      update(slack, channel, message, checkContent(args, slack.workspace, 'update'))
      return {
        channel: channel.id,
        ts: message.ts,
        text: message.text,
        message: messageJson(slack, message),
      }
    },
  },
  'chat.delete': {
    token: 'bot',
    tier: 3,
    scope: 'chat:write',
    run: (args, slack) => {
      const { channel, message } = own(slack, args, 'cant_delete_message')
      remove(slack, channel, message.ts)
      return { channel: channel.id, ts: message.ts }
    },
  },
  'chat.getPermalink': {
    token: 'bot',
    tier: 'none',
    run: (args, slack) => {
      const channel = channelOf(slack, args)
      const message = findMessage(channel, need(args, 'message_ts', 'message_not_found'))
      if (!message) throw new Refusal('message_not_found')
      return { channel: channel.id, permalink: slack.workspace.permalink(message) }
    },
  },
}
