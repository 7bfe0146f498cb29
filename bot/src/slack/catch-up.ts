/** What was said while nobody listened: looked for once after each gap, and asked about when it is old. */
import type { Card, Json } from '@homelab/core'
import type { WebClient } from '@slack/web-api'
import type { ConnectorContext } from '../chat/connector.ts'
import type { Place } from '../chat/types.ts'
import { askedIn, type Intake, type Message, messageKey } from './intake.ts'
import { isDirect, type People } from './people.ts'
import { type Trouble, troubleOf } from './trouble.ts'
import { typedText } from './typed.ts'

export interface CatchUpOptions {
  readonly context: ConnectorContext
  readonly client: WebClient
  readonly people: People
  readonly intake: Intake
  readonly bot: string
  readonly opsChannels: () => readonly string[]
  readonly onTrouble: (trouble: Trouble, what: string) => void
}

export interface CatchUp {
  /** From now on nothing arrives. */
  lost(): void
  /** Until now nothing arrived. */
  gap(): void
  close(): Promise<void>
}

/** How far has been read, kept over restarts. Held from the start: what comes first may be newer than what was missed. */
export interface Seen {
  note(channel: string, ts: string, user: string): void
  /** `ts` up to which everything was dealt with; undefined before the first start. */
  readonly ts: string | undefined
  /** Everything up to this moment was looked for. */
  upTo(date: Date): void
  /** What comes from now on says nothing about what was missed: `ts` stays until `release`, over a restart too. */
  hold(): void
  release(): void
  readonly directs: readonly string[]
  close(): Promise<void>
}

/** Milliseconds. A request older than this is not done any more without asking. */
const FRESH_MS = 120_000
const LONGEST_MS = 24 * 3_600_000
const WRITE_MS = 10_000
/** Gaps that follow each other are one. */
const AGAIN_MS = 60_000
/** Our clock against Slack's, and what was on its way. */
const MARGIN_MS = 60_000
const pages = 3
const tries = 4
const mostDirects = 100
const fact = 'slack.seen'

export const tsOf = (ms: number): string => (ms / 1000).toFixed(6)
const msOf = (ts: string): number => Number(ts) * 1000

export function openSeen({ facts, clock, onBug }: Pick<ConnectorContext, 'facts' | 'clock' | 'onBug'>): Seen {
  const kept = (facts.get(fact) ?? {}) as { readonly ts?: string; readonly directs?: readonly string[] }
  let { ts } = kept
  let held: { readonly ts: string | undefined } | undefined = { ts }
  const surely = () => (held === undefined ? ts : held.ts)
  const directs = new Set(kept.directs)
  const closed = new AbortController()
  let writing: Promise<void> | undefined

  const write = (): Promise<void> =>
    facts
      .set(fact, {
        ...(surely() === undefined ? {} : { ts: surely() ?? '' }),
        directs: [...directs],
      } satisfies Json)
      .catch((error: unknown) => onBug(error, fact))
  /** At the beginning and at the end of ten seconds, however much is said in them. */
  function soon(): void {
    writing ??= write()
      .then(() => clock.sleep(WRITE_MS, closed.signal))
      .catch(() => undefined)
      .then(write)
      .finally(() => {
        writing = undefined
      })
  }

  return {
    note(channel, newest, user) {
      if (ts === undefined || Number(newest) > Number(ts)) ts = newest
      if (isDirect(channel) && user !== '') {
        directs.delete(channel)
        directs.add(channel)
        const [oldest] = directs
        if (directs.size > mostDirects && oldest !== undefined) directs.delete(oldest)
      }
      soon()
    },
    get ts() {
      return surely()
    },
    hold() {
      held ??= { ts }
    },
    release() {
      held = undefined
      void write()
    },
    upTo(date) {
      const newest = tsOf(date.getTime())
      if (ts !== undefined && Number(ts) >= Number(newest)) return
      ts = newest
      soon()
    },
    get directs() {
      return [...directs]
    },
    async close() {
      closed.abort()
      await (writing ?? Promise.resolve())
    },
  }
}

export function createCatchUp(options: CatchUpOptions, seen: Seen): CatchUp {
  const { context, client, people, intake, bot } = options
  const { desk, clock } = context
  const closed = new AbortController()
  let wanted = false
  let working: Promise<void> | undefined

  async function work(): Promise<void> {
    while (wanted && !closed.signal.aborted) {
      wanted = false
      await look()
      if (!wanted) seen.release()
      await clock.sleep(AGAIN_MS, closed.signal)
    }
  }

  async function look(): Promise<void> {
    const now = clock.now()
    if (seen.ts !== undefined) {
      const oldest = tsOf(Math.max(msOf(seen.ts), now.getTime() - LONGEST_MS))
      const listed = context.inventory().channels.flatMap(({ slack }) => slack ?? [])
      for (const channel of new Set([...listed, ...options.opsChannels(), ...seen.directs])) {
        const missed = await missedIn(channel, oldest)
        for (const message of missed.toSorted((a, b) => Number(a.ts) - Number(b.ts))) await answer(message)
      }
    }
    seen.upTo(new Date(now.getTime() - MARGIN_MS))
  }

  async function answer(message: Message): Promise<void> {
    const { channel, ts, thread, user, text } = message
    const key = messageKey(channel, ts)
    // What comes after all as an event is the same command.
    if (desk.board.get(key) !== undefined) return
    if (clock.now().getTime() - msOf(ts) < FRESH_MS) return await intake.message(message)
    const typed = typedText(text, bot)
    if (typed === '' || intake.isChatter(typed)) return
    const place: Place = { surface: 'slack', channel, ...(thread === undefined ? {} : { thread }) }
    const { name } = await people.callerOf({ user, channel })
    desk.tell(place, key, awayCard(name, typed))
    seen.note(channel, ts, user)
  }

  async function missedIn(channel: string, oldest: string): Promise<readonly Message[]> {
    const missed: Message[] = []
    let cursor: string | undefined
    for (let page = 0; page < pages; page++) {
      const next = cursor === undefined ? {} : { cursor }
      const answered = await patiently(channel, () =>
        client.conversations.history({ channel, oldest, limit: 200, ...next }),
      )
      for (const said of answered?.messages ?? []) {
        missed.push(...messageOf(channel, said))
        if (said.ts !== undefined && Number(said.latest_reply ?? 0) > Number(oldest)) {
          const thread = said.ts
          const replies = await patiently(channel, () =>
            client.conversations.replies({ channel, ts: thread, oldest, limit: 200 }),
          )
          missed.push(...(replies?.messages ?? []).flatMap((reply) => messageOf(channel, reply)))
        }
      }
      cursor = answered?.response_metadata?.next_cursor
      if (cursor === undefined || cursor === '') break
    }
    return [...new Map(missed.map((message) => [message.ts, message])).values()]
  }

  /** To us alone, in a direct message, or with our name in it. */
  function messageOf(
    channel: string,
    said: { readonly ts?: string; readonly text?: string },
  ): readonly Message[] {
    const asked = askedIn(said, bot)
    const { ts, text = '' } = said
    if (asked === undefined || ts === undefined) return []
    if (!isDirect(channel) && !text.includes(`<@${bot}`)) return []
    const { thread, ...rest } = asked
    // The first message of a thread is in the channel.
    return [{ channel, ts, ...rest, ...(thread === undefined || thread === ts ? {} : { thread }) }]
  }

  async function patiently<T>(channel: string, call: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call()
      } catch (error) {
        const trouble = troubleOf(error)
        const passing = trouble.kind === 'wait' || trouble.kind === 'again'
        if (!passing || attempt === tries) {
          options.onTrouble(trouble, `looking for what was missed in ${channel}`)
          return undefined
        }
        await clock.sleep(trouble.retryAfterMs ?? 2_000 * attempt, closed.signal)
      }
    }
  }

  return {
    lost: () => seen.hold(),
    gap() {
      wanted = true
      seen.hold()
      working ??= work()
        .catch((error: unknown) => {
          if (!closed.signal.aborted) context.onBug(error, 'looking for what was missed')
        })
        .finally(() => {
          working = undefined
        })
    },
    async close() {
      closed.abort()
      await working
    },
  }
}

const awayCard = (name: string, typed: string): Card => ({
  title: 'I was away when you asked',
  tone: 'warning',
  text: `${name} asked for \`${typed}\`. Nothing was done: that was a while ago.`,
  buttons: [{ label: 'Do it now', style: 'primary', action: { kind: 'command', text: typed } }],
})
