/** What the courier needs of Slack: a card posted once and edited in place, its files, its log, and a word to who asked. */
import { createHash } from 'node:crypto'
import type { Clock } from '@homelab/core'
import type { WebClient } from '@slack/web-api'
import type { Draw } from '../charts/painter.ts'
import { DeliveryError, type Outlet, type Where } from '../chat/courier.ts'
import type { Posted } from '../chat/types.ts'
import { createFiles } from './files.ts'
import { maxBlocks } from './limits.ts'
import type { Target } from './looking.ts'
import { isDirect, isPerson } from './people.ts'
import { createPosting } from './posting.ts'
import { renderSlack, type SlackFile, type SlackMessage } from './render.ts'
import { plain, richText } from './sections.ts'
import { clean, cut, escapeMarkup } from './text.ts'
import { type Trouble, troubleOf } from './trouble.ts'
import { beside, type Spot, spotIn, whereOf } from './where.ts'
import { createPatience, isWhispered } from './whispers.ts'

export interface OutletOptions {
  readonly client: WebClient
  readonly clock: Clock
  readonly startedAt: Date
  readonly draw?: Draw | undefined
  /** Stores where a card is before more is done for it. */
  readonly placed: (cardId: string, where: Where) => Promise<void>
  /** The direct channel with this person. */
  readonly direct: (user: string) => Promise<string>
  /** Slack will not have us any more. */
  readonly onRefused: (trouble: Trouble) => void
  /** Something does not work as it should, and it goes on without. */
  readonly onTrouble: (trouble: Trouble, what: string) => void
  readonly onBug: (error: unknown, where?: string) => void
}

/** `chat.update` may be called about fifty times a minute, in all channels together. */
const updatesPerMinute = 50
/** Of these, kept for last states and questions: progress gives way to them. */
const keptForEnds = 20
/** A log with more characters than this is a file: nobody reads pages of it in a chat. */
const maxLogMessage = 2_900

export const userOf = ({ caller }: Posted): string | undefined =>
  /^slack:([UW][A-Z0-9]+)$/.exec(caller.id)?.[1]

export function createOutlet(options: OutletOptions): Outlet {
  const { client, clock, onTrouble } = options
  const posting = createPosting(client, options.startedAt, onTrouble)
  const files = createFiles(client, options.startedAt, onTrouble)
  const updates = bucketOf(updatesPerMinute, clock)
  const patience = createPatience(clock, (error) => {
    const trouble = troubleOf(error)
    // Where nobody can be told anything the answer goes to them directly.
    if (trouble.kind !== 'gone') onTrouble(trouble, 'saying that something takes its time')
  })

  async function show(posted: Posted, where: Where | undefined): Promise<Where> {
    const { picture } = posted.card
    const png = picture === undefined ? undefined : await options.draw?.(picture.svg, 'light')
    const message = renderSlack(posted, { now: clock.now(), png })
    const spot = spotIn(where)
    if (spot !== undefined) return await update(posted, message, spot)
    if (isWhispered(posted)) return await whisper(posted, message)
    patience.end(posted.id)
    return await attach(posted, message.files, await post(posted, message), true)
  }

  async function update(posted: Posted, message: SlackMessage, spot: Spot): Promise<Where> {
    const passing = posted.state === 'working' && posted.card.progress !== undefined
    if (passing && updates.left() <= keptForEnds) return whereOf(spot)
    await edit(posted, spot.instead === undefined ? message : withHint(message, spot.instead), spot)
    return await attach(posted, message.files, spot, false)
  }

  async function edit(posted: Posted, message: SlackMessage, { channel, ts }: Spot): Promise<void> {
    updates.take()
    await orPlain(message, ({ blocks, text }) =>
      client.chat.update({
        channel,
        ts,
        text,
        blocks: [...blocks],
        metadata: posting.metadata(posted, 'card'),
      }),
    )
  }

  async function post(posted: Posted, message: SlackMessage): Promise<Spot> {
    const { channel, thread } = posted.place
    if (isPerson(channel)) return await postTo(posted, message, { channel: await options.direct(channel) })
    try {
      return await postTo(posted, message, { channel, thread })
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble.kind !== 'gone') throw error
      return await postDirectly(posted, message, trouble)
    }
  }

  async function postTo(posted: Posted, message: SlackMessage, target: Target): Promise<Spot> {
    const { spot, found } = await orPlain(message, (content) => posting.once(posted, 'card', target, content))
    if (!found) return spot
    // Before anything can fail: a message that is forgotten is posted again.
    await options.placed(posted.id, whereOf(spot))
    await edit(posted, message, spot)
    return spot
  }

  /** Where the bot may not write the answer goes to the asker alone, with how to let it in. */
  async function postDirectly(posted: Posted, message: SlackMessage, trouble: Trouble): Promise<Spot> {
    const user = userOf(posted)
    const { channel } = posted.place
    const direct = user === undefined ? channel : await options.direct(user)
    if (direct === channel) {
      onTrouble(trouble, `writing in ${channel}`)
      throw new DeliveryError('gone', `Slack: ${trouble.code}`)
    }
    // Two people among themselves cannot invite anybody.
    if (isDirect(channel)) return await postTo(posted, message, { channel: direct })
    const spot = await postTo(posted, withHint(message, channel), { channel: direct })
    return { ...spot, instead: channel }
  }

  async function whisper(posted: Posted, message: SlackMessage): Promise<Where> {
    const user = userOf(posted)
    if (user === undefined) return {}
    if (posted.state === 'working') {
      patience.begin(posted.id, () => sayAlone(posted, message, user))
      return {}
    }
    patience.end(posted.id)
    try {
      await sayAlone(posted, message, user)
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble.kind !== 'gone') throw error
      return await attach(posted, message.files, await postDirectly(posted, message, trouble), true)
    }
    if (message.files.length === 0) return {}
    // A file beside it would be seen by everybody. Tried once: the answer itself is there, and would be said again.
    await options
      .direct(user)
      .then((channel) => upload(posted, message.files, { channel }))
      .catch((error: unknown) => onTrouble(troubleOf(error), 'attaching a file'))
    return {}
  }

  const sayAlone = ({ place: { channel, thread } }: Posted, message: SlackMessage, user: string) =>
    orPlain(message, ({ blocks, text }) =>
      client.chat.postEphemeral({
        channel,
        user,
        text,
        blocks: [...blocks],
        ...(thread === undefined ? {} : { thread_ts: thread }),
      }),
    )

  /** Should Slack refuse the blocks after all, the text of the card still arrives. */
  async function orPlain<T>(
    message: SlackMessage,
    send: (content: Pick<SlackMessage, 'blocks' | 'text'>) => Promise<T>,
  ): Promise<T> {
    try {
      return await send(message)
    } catch (error) {
      if (troubleOf(error).kind !== 'shape') throw error
      options.onBug(error, 'blocks that Slack refuses')
      return await send({ blocks: [], text: message.text })
    }
  }

  /** @param fresh the message is new, and nobody knows of it yet */
  async function attach(
    posted: Posted,
    all: readonly SlackFile[],
    spot: Spot,
    fresh: boolean,
  ): Promise<Where> {
    const wanted = posted.state === 'working' ? [] : all.filter((file) => !spot.files.includes(markOf(file)))
    if (wanted.length === 0) return whereOf(spot)
    // Before anything can fail: a message that is forgotten is posted again.
    if (fresh) await options.placed(posted.id, whereOf(spot))
    let now = spot
    for (const file of wanted) {
      await upload(posted, [file], { channel: spot.channel, thread: beside(spot) })
      now = { ...now, files: [...now.files, markOf(file)] }
      await options.placed(posted.id, whereOf(now))
    }
    return whereOf(now)
  }

  async function upload(posted: Posted, some: readonly SlackFile[], target: Target): Promise<void> {
    for (const file of some) await files.once(posted, file, target)
  }

  async function log(posted: Posted, where: Where, lines: readonly string[], from: number): Promise<Where> {
    const spot = spotIn(where)
    const text = clean(lines.join('\n'))
    if (spot === undefined || text.trim() === '') return where
    const target = { channel: spot.channel, thread: beside(spot) }
    if (text.length > maxLogMessage)
      await upload(posted, [{ name: `log-from-line-${from + 1}.txt`, data: `${text}\n` }], target)
    else
      await posting.once(posted, `log.${from}`, target, {
        text: escapeMarkup(cut(text, 300)),
        blocks: [richText({ type: 'rich_text_preformatted', elements: [plain(text)] })],
      })
    return where
  }

  async function mention(posted: Posted, where: Where): Promise<void> {
    const [spot, user] = [spotIn(where), userOf(posted)]
    if (spot === undefined || user === undefined) return
    const target = { channel: spot.channel, thread: beside(spot) }
    const text = `<@${user}> ${escapeMarkup(cut(clean(posted.card.title), 300))}`
    await posting.once(posted, 'mention', target, { text })
  }

  const guarded =
    <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      try {
        return await work(...args)
      } catch (error) {
        throw deliveryError(error)
      }
    }

  function deliveryError(error: unknown): unknown {
    if (error instanceof DeliveryError) return error
    const trouble = troubleOf(error)
    const { kind, code, retryAfterMs, needed } = trouble
    if (kind === 'bug') return error
    // Without this one nothing can be said at all; without another one, only what it is for.
    const mute = kind === 'token' || needed?.startsWith('chat:write') === true
    if (mute) options.onRefused(trouble)
    else if (kind === 'scope') onTrouble(trouble, 'writing to somebody directly')
    const means = {
      wait: 'wait',
      again: 'again',
      gone: 'gone',
      token: 'again',
      scope: mute ? 'again' : 'never',
    } as const
    return new DeliveryError(kind in means ? means[kind as keyof typeof means] : 'never', `Slack: ${code}`, {
      cause: error,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }

  return { platform: 'slack', show: guarded(show), log: guarded(log), mention: guarded(mention) }
}

function withHint(message: SlackMessage, channel: string): SlackMessage {
  if (message.blocks.length >= maxBlocks) return message
  const hint = richText({
    type: 'rich_text_section',
    elements: [
      plain('I cannot write in ', { italic: true }),
      { type: 'channel', channel_id: channel },
      plain('. Invite me there: ', { italic: true }),
      plain('/invite @homelab', { code: true }),
    ],
  })
  return { ...message, blocks: [...message.blocks, hint] }
}

const markOf = ({ name, data }: SlackFile): string =>
  createHash('sha256').update(name).update('\n').update(data).digest('base64url').slice(0, 12)

/** Fills again by the minute. */
function bucketOf(perMinute: number, clock: Clock) {
  let tokens = perMinute
  let at = clock.monotonic()
  const left = () => {
    const now = clock.monotonic()
    tokens = Math.min(perMinute, tokens + ((now - at) / 60_000) * perMinute)
    at = now
    return tokens
  }
  return {
    left,
    take() {
      tokens = left() - 1
    },
  }
}
