/** A response_url: five answers in half an hour, to a command or a click. */
import { checkContent } from '../content.ts'
import type { Json } from '../json.ts'
import { string, truthy } from '../json.ts'
import { findMessage, post, remove, update } from '../messages.ts'
import { Refusal } from '../refusal.ts'
import type { Respondable } from '../responses.ts'
import type { Slack } from '../slack.ts'
import type { Message } from '../workspace.ts'
import { threadOf } from './chat.ts'

/**
 * What an app says with an acknowledgement or a response_url.
 * @throws Refusal for whatever Slack would refuse
 */
export function say(slack: Slack, target: Respondable, args: Json): Message | undefined {
  const { workspace } = slack
  const channel = workspace.channels.get(target.channel)
  if (!channel) throw new Refusal('channel_not_found')
  const clicked = target.messageTs === undefined ? undefined : findMessage(channel, target.messageTs)
  if (truthy(args.delete_original)) {
    if (clicked) remove(slack, channel, clicked.ts)
    return undefined
  }
  const content = checkContent(args, workspace, 'response')
  if (clicked && truthy(args.replace_original)) {
    update(slack, channel, clicked, content)
    return clicked
  }
  return post(slack, channel, content, {
    user: workspace.bot.id,
    threadTs: threadOf(channel, args),
    only: args.response_type === 'in_channel' ? undefined : target.user,
  })
}

/** Status and body for a request to a response_url. */
export function respond(slack: Slack, path: string, args: Json): { status: number; body: Json } {
  const target = slack.responses.use(path)
  slack.journal.count('calls', 'response_url')
  if (typeof target === 'string') {
    slack.journal.count('refused', `response_url: ${target}`)
    return { status: 404, body: { ok: false, error: target } }
  }
  try {
    say(slack, target, args)
    return { status: 200, body: { ok: true } }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    slack.journal.count('refused', `response_url: ${error.code}`)
    return { status: 400, body: { ok: false, error: string(error.code), ...error.details } }
  }
}
