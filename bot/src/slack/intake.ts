/** What people type: slash commands, mentions and direct messages, handed to the desk and stored before Slack hears "yes". */
import { createHash } from 'node:crypto'
import { type Card, nearest } from '@homelab/core'
import type { AckFn, App } from '@slack/bolt'
import type { WebClient } from '@slack/web-api'
import { maxCardId } from '../chat/buttons.ts'
import type { ConnectorContext } from '../chat/connector.ts'
import type { Place } from '../chat/types.ts'
import { type Age, FRESH_MS } from './age.ts'
import { inTime } from './client.ts'
import { isAlone, isDirect, type People, type Someone } from './people.ts'
import { remember } from './remember.ts'
import { escapeMarkup } from './text.ts'
import { type Trouble, troubleOf } from './trouble.ts'
import { typedText } from './typed.ts'

export interface IntakeOptions {
  readonly context: ConnectorContext
  readonly client: WebClient
  readonly people: People
  readonly age: Age
  readonly onTrouble: (trouble: Trouble, what: string) => void
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
  /** What is too old to be done without asking gets a card that asks. */
  message(message: Message): Promise<void>
}

/** A slow disk must not cost the acknowledgement, for which Slack gives three seconds. */
export const STORED_MS = 1_000
const NUDGE_MS = 60_000
const mostNudged = 1_000

/** At most as long as a card's id may be. */
export const keyOf = (id: string): string =>
  id.length + 6 <= maxCardId ? `slack:${id}` : `slack:${createHash('sha256').update(id).digest('hex')}`

export const messageKey = (channel: string, ts: string): string => keyOf(`${channel}.${ts}`)

export function createIntake({ context, people, client, bot, onSeen, ...options }: IntakeOptions): Intake {
  const { desk, registry, clock } = context
  /** Old ones that were answered without a card. */
  const whispered = new Set<string>()
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

  async function message(said: Message): Promise<void> {
    const { channel, ts, thread, user, text } = said
    const place: Place = { surface: 'slack', channel, ...(thread === undefined ? {} : { thread }) }
    const typed = typedText(text, bot)
    const key = messageKey(channel, ts)
    const someone = { user, channel }
    if (options.age.of(ts) >= FRESH_MS && desk.board.get(key) === undefined)
      await askAgain(key, typed, someone, place)
    else if (isChatter(typed)) await nudge(someone, place, ts)
    else await take(key, typed, someone, place)
    onSeen(channel, ts, user)
  }

  async function askAgain(key: string, typed: string, someone: Someone, place: Place): Promise<void> {
    if (typed === '' || isChatter(typed) || whispered.has(key)) return
    const caller = await people.callerOf(someone)
    if (isAlone(place.channel) || !desk.isPrivate(typed, caller)) {
      desk.tell(place, key, awayCard(caller.name, typed))
      return void (await inTime(desk.stored(), STORED_MS, clock))
    }
    remember(whispered, key)
    await whisper(
      someone,
      place,
      `I was away when you asked for "${typed}". Ask again, if you still want it.`,
    )
  }

  async function whisper({ user }: Someone, { channel, thread }: Place, text: string): Promise<void> {
    const where = thread === undefined ? { channel } : { channel, thread_ts: thread }
    await client.chat
      .postEphemeral({ ...where, user, text: escapeMarkup(text.slice(0, 1_000)) })
      .catch((error: unknown) => options.onTrouble(troubleOf(error), 'answering somebody alone'))
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
    const card = nudgeCard(examples, isDirect(place.channel))
    // Where this person may do nothing that not everybody may, such as in a channel that is not listed, nobody else is bothered.
    if (isAlone(place.channel) || offered.some(({ permission }) => permission !== 'everyone'))
      desk.tell(place, keyOf(`nudge.${place.channel}.${ts}`), card)
    else await whisper(someone, place, `${card.title}. ${card.text}`)
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

  return { listen, take, message }
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

const awayCard = (name: string, typed: string): Card => ({
  title: 'I was away when you asked',
  tone: 'warning',
  text: `${name} asked for \`${typed}\`. Nothing was done: that was a while ago.`,
  buttons: [{ label: 'Do it now', style: 'primary', action: { kind: 'command', text: typed } }],
})

function nudgeCard(examples: readonly string[], direct: boolean) {
  const how = direct ? 'Here just type it' : 'Type it after my name, or after `/homelab`'
  return {
    title: 'I understand commands only',
    tone: 'neutral' as const,
    text:
      examples.length === 0
        ? `${how}: \`help\` tells what there is for you.`
        : `${how}, such as ${examples.map((example) => `\`${example}\``).join(', ')}. \`help\` lists all.`,
    buttons: [{ label: 'Help', action: { kind: 'command' as const, text: 'help' } }],
  }
}
