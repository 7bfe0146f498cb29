/** What people write: slash commands, mentions, direct messages, and the opening of the home. */
import { say as answer } from '../api/respond.ts'
import type { Json } from '../json.ts'
import { isObject, string } from '../json.ts'
import { findMessage, post } from '../messages.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { Channel } from '../workspace.ts'
import { person, place, refused, type Seen, seen } from './person.ts'
import { typedCommand, typedMessage } from './typed.ts'

const CHANNEL_NAMES = { im: 'directmessage', private: 'privategroup', channel: undefined } as const

/** What the app said with its acknowledgement: a text, or a message; nothing when it is empty. */
function acknowledged(payload: unknown): Json | undefined {
  if (typeof payload === 'string') return payload === '' ? undefined : { text: payload }
  if (!isObject(payload) || Object.keys(payload).length === 0) return undefined
  return payload
}

/** `{ channel, command?, text, thread_ts? }` */
export async function command(slack: Slack, name: string, asked: Json): Promise<Seen> {
  const { workspace, app } = slack
  const user = person(slack, name)
  const channel = place(slack, String(asked.channel), user)
  const typed = string(asked.command) ?? app.commands[0] ?? ''
  if (asked.thread_ts !== undefined)
    return refused('not_in_threads', `${typed} is not supported in threads. Sorry!`)
  if (!app.commands.includes(typed) || !app.scopes.includes('commands'))
    return refused('no_such_command', `${typed} is not a valid command.`)
  if (channel.archived) return refused('is_archived', 'You can’t write in an archived channel.')
  const trigger = slack.triggers.issue(user.id)
  const target = { channel: channel.id, user: user.id, messageTs: undefined }
  const responseUrl = `${slack.origin}${slack.responses.issue('commands', target)}`
  const outcome = await slack.delivery.send('slash_commands', {
    token: app.verification,
    team_id: workspace.team,
    team_domain: workspace.domain,
    channel_id: channel.id,
    channel_name: CHANNEL_NAMES[channel.kind] ?? channel.name,
    user_id: user.id,
    user_name: user.name,
    command: typed,
    text: typedCommand(string(asked.text) ?? '', workspace, app.shouldEscape),
    api_app_id: app.id,
    is_enterprise_install: 'false',
    response_url: responseUrl,
    trigger_id: trigger,
  })
  const said = outcome.acked ? acknowledged(outcome.payload) : undefined
  if (said) {
    try {
      answer(slack, target, said)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return {
        ...seen(outcome, undefined, trigger, responseUrl),
        error: 'invalid_command_response',
        notice: `${typed} failed with the error "invalid_command_response"`,
      }
    }
  }
  return seen(outcome, `${typed} failed with the error "${outcome.error}"`, trigger, responseUrl)
}

export interface Written {
  readonly channel: string
  readonly ts: string
  readonly thread: string | undefined
  /** Id of the event that the app gets; undefined when it did not subscribe to it or may not see it. */
  readonly event: string | undefined
}

function write(
  slack: Slack,
  name: string,
  channel: Channel,
  text: string,
  threadTs: string | undefined,
): Written {
  const { workspace } = slack
  const user = person(slack, name)
  if (channel.archived) throw new Error(`${channel.name} is archived`)
  if (threadTs !== undefined && !findMessage(channel, threadTs))
    throw new Error(`there is no thread ${threadTs}`)
  const content = {
    text,
    blocks: undefined,
    attachments: undefined,
    metadata: undefined,
    mentions: [],
    pings: [],
  }
  const message = post(slack, channel, content, { user: user.id, threadTs })
  let event: string | undefined
  // A bot that is not there is told nothing: Slack asks the person to invite it.
  if (
    text.includes(`<@${workspace.bot.id}>`) &&
    channel.kind !== 'im' &&
    channel.members.has(workspace.bot.id)
  ) {
    event = slack.events.emit('app_mention', {
      type: 'app_mention',
      user: user.id,
      text,
      ts: message.ts,
      client_msg_id: workspace.newId('msg'),
      team: workspace.team,
      ...(threadTs !== undefined && { thread_ts: threadTs }),
      channel: channel.id,
      event_ts: message.ts,
      blocks: [
        {
          type: 'rich_text',
          block_id: workspace.newId('b').slice(0, 6),
          elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text }] }],
        },
      ],
    })
  }
  return { channel: channel.id, ts: message.ts, thread: threadTs, event }
}

/** `{ channel, text, thread_ts? }`; the bot's name goes before the text. */
export function mention(slack: Slack, name: string, asked: Json): Written {
  const { workspace } = slack
  const channel = place(slack, String(asked.channel), person(slack, name))
  const text = `<@${workspace.bot.id}> ${typedMessage(string(asked.text) ?? '', workspace)}`
  return write(slack, name, channel, text, string(asked.thread_ts))
}

/** `{ channel, text, thread_ts? }`, in plain words. */
export function say(slack: Slack, name: string, asked: Json): Written {
  const channel = place(slack, String(asked.channel), person(slack, name))
  return write(
    slack,
    name,
    channel,
    typedMessage(string(asked.text) ?? '', slack.workspace),
    string(asked.thread_ts),
  )
}

/** `{ text, thread_ts? }`, to the bot. */
export const dm = (slack: Slack, name: string, asked: Json): Written =>
  say(slack, name, { ...asked, channel: 'dm' })

/** Opens the App Home; shows what is published, before the app may publish something else. */
export function home(slack: Slack, name: string, asked: Json): Json {
  const user = person(slack, name)
  const view = slack.views.home(user.id)
  const event = slack.events.emit('app_home_opened', {
    type: 'app_home_opened',
    user: user.id,
    channel: slack.workspace.im(user.id).id,
    event_ts: slack.workspace.newTs(),
    tab: string(asked.tab) ?? 'home',
    ...(view && { view: slack.views.json(view) }),
  })
  return { event, view: view ? slack.views.json(view) : undefined }
}
