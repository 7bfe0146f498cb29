/** What people type: slash commands, mentions and direct messages, handed to the desk and stored before Slack hears "yes". */
import { createHash } from 'node:crypto'
import { type Card, nearest } from '@homelab/core'
import type { AckFn, App } from '@slack/bolt'
import { maxCardId } from '../chat/buttons.ts'
import type { ConnectorContext } from '../chat/connector.ts'
import type { Place } from '../chat/types.ts'
import { inTime } from './client.ts'
import { isAlone, isDirect, type People, type Someone } from './people.ts'
import { typedText } from './typed.ts'

export interface IntakeOptions {
  readonly context: ConnectorContext
  readonly people: People
  /** Our own user id. */
  readonly bot: string
  /** The message with this `ts` was dealt with. */
  readonly onSeen: (channel: string, ts: string, user: string) => void
}

export interface Message {
  readonly channel: string
  readonly ts: string
  readonly thread?: string | undefined
  readonly user: string
  readonly text: string
}

export interface Intake {
  listen(app: App): void
  /** Hands a command to the desk; resolves when its card is stored, or after a second. */
  take(key: string, text: string, someone: Someone, place: Place): Promise<void>
  message(message: Message): Promise<void>
  /** Words that are no command and no slip of the finger either. */
  isChatter(typed: string): boolean
}

/** A slow disk must not cost the acknowledgement, for which Slack gives three seconds. */
export const STORED_MS = 1_000
const NUDGE_MS = 60_000
const mostNudged = 1_000

/** At most as long as a card's id may be. */
export const keyOf = (id: string): string =>
  id.length + 6 <= maxCardId ? `slack:${id}` : `slack:${createHash('sha256').update(id).digest('hex')}`

export const messageKey = (channel: string, ts: string): string => keyOf(`${channel}.${ts}`)

export function createIntake({ context, people, bot, onSeen }: IntakeOptions): Intake {
  const { desk, registry, clock } = context
  const nudged = new Map<string, number>()
  const firstWords = [...new Set(['help', ...registry.all.map(({ chat }) => chat.split(' ')[0] ?? chat)])]

  async function take(key: string, text: string, someone: Someone, place: Place): Promise<void> {
    const caller = await people.callerOf(someone)
    const whispered = !isAlone(place.channel) && desk.isPrivate(text, caller)
    desk.submit({ text, caller, place, key, ...(whispered ? { private: true } : {}) })
    await inTime(desk.stored(), STORED_MS, clock)
  }

  function isChatter(text: string): boolean {
    const words = text.toLowerCase().split(/\s+/)
    const [first = ''] = words
    if (first === '' || first === 'homelab' || first === '/homelab' || firstWords.includes(first))
      return false
    return words.length > 4 || nearest(first, firstWords, 1).length === 0
  }

  async function message({ channel, ts, thread, user, text }: Message): Promise<void> {
    const place: Place = { surface: 'slack', channel, ...(thread === undefined ? {} : { thread }) }
    const typed = typedText(text, bot)
    const someone = { user, channel }
    if (isChatter(typed)) await nudge(someone, place, ts)
    else await take(messageKey(channel, ts), typed, someone, place)
    onSeen(channel, ts, user)
  }

  async function nudge(someone: Someone, place: Place, ts: string): Promise<void> {
    const now = clock.monotonic()
    if (now - (nudged.get(place.channel) ?? Number.NEGATIVE_INFINITY) < NUDGE_MS) return
    nudged.delete(place.channel)
    nudged.set(place.channel, now)
    const [oldest] = nudged.keys()
    if (nudged.size > mostNudged && oldest !== undefined) nudged.delete(oldest)
    const caller = await people.callerOf(someone)
    const offered = registry.all.filter(({ chat }) =>
      desk.complete(chat, caller).some(({ line }) => line.trim() === chat),
    )
    const examples = offered.flatMap(({ examples: some = [] }) => some.slice(0, 1)).slice(0, 3)
    desk.tell(place, keyOf(`nudge.${place.channel}.${ts}`), nudgeCard(examples, isDirect(place.channel)))
  }

  function listen(app: App): void {
    app.command(/./, async ({ command, ack }) => {
      const { trigger_id: trigger, user_id: user, user_name: name, channel_id: channel } = command
      try {
        await take(
          keyOf(trigger),
          typedText(command.text ?? ''),
          { user, name, channel },
          { surface: 'slack', channel },
        )
      } catch (error) {
        context.onBug(error, 'a slash command')
        return await quietly(ack, 'Something broke in homelab itself; its log says what. Nothing was done.')
      }
      await quietly(ack)
    })
    app.event('app_mention', async ({ event }) => {
      const { user, bot_id: other, channel, ts, thread_ts: thread, text } = event
      if (user === undefined || user === bot || other !== undefined) return
      await message({ channel, ts, thread, user, text })
    })
    app.message(async ({ message: said }) => {
      const { channel, ts } = said
      if (!isDirect(channel)) return
      const asked = askedIn(said, bot)
      if (asked !== undefined) await message({ channel, ts, ...asked })
    })
  }

  return { listen, take, message, isChatter }
}

/** Who wrote what in this message; undefined for what a bot wrote, an edit, or a notice of Slack's. */
export function askedIn(
  said: object,
  bot: string,
): { readonly user: string; readonly text: string; readonly thread?: string } | undefined {
  const { user, text, bot_id: other, subtype, thread_ts: thread } = said as Readonly<Record<string, unknown>>
  const human = subtype === undefined || subtype === 'file_share' || subtype === 'thread_broadcast'
  if (!human || other !== undefined || typeof user !== 'string' || user === bot) return undefined
  if (typeof text !== 'string') return undefined
  return { user, text, ...(typeof thread === 'string' ? { thread } : {}) }
}

/** An acknowledgement over a connection that is gone is not our trouble: the command is taken, and known when it comes again. */
export async function quietly<T>(ack: AckFn<T>, response?: T): Promise<void> {
  await ack(response).catch(() => undefined)
}

function nudgeCard(examples: readonly string[], direct: boolean): Card {
  const how = direct ? 'Here just type it' : 'Type it after my name, or after `/homelab`'
  return {
    title: 'I understand commands only',
    tone: 'neutral',
    text:
      examples.length === 0
        ? `${how}: \`help\` tells what there is for you.`
        : `${how}, such as ${examples.map((example) => `\`${example}\``).join(', ')}. \`help\` lists all.`,
    buttons: [{ label: 'Help', action: { kind: 'command', text: 'help' } }],
  }
}
