/** What was said while nobody listened: looked for once after each gap, and asked about when it is old. */
import type { Json } from '@homelab/core'
import type { WebClient } from '@slack/web-api'
import type { ConnectorContext } from '../chat/connector.ts'
import { msOf, tsOf } from './age.ts'
import { askedIn, type Intake, type Message, messageKey } from './intake.ts'
import { isDirect } from './people.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface CatchUpOptions {
  readonly context: ConnectorContext
  readonly client: WebClient
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

/** Milliseconds. */
const LONGEST_MS = 24 * 3_600_000
const WRITE_MS = 10_000
/** Gaps that follow each other are one. */
const AGAIN_MS = 60_000
/** Our clock against Slack's, and what was on its way. */
const MARGIN_MS = 60_000
const pages = 3
const tries = 4
/** In a row, when Slack does not answer; then the next connection is waited for. */
const mostLooks = 5
const mostDirects = 100
const fact = 'slack.seen'

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
  const { context, client, intake, bot } = options
  const { desk, clock } = context
  const closed = new AbortController()
  let wanted = false
  let working: Promise<void> | undefined

  async function work(): Promise<void> {
    let failed = 0
    while (wanted && !closed.signal.aborted) {
      wanted = false
      const complete = await look()
      failed = complete ? 0 : failed + 1
      // What was not looked at is still missed: the mark stays, and so does the wish.
      if (complete && !wanted) seen.release()
      if (!complete && failed < mostLooks) wanted = true
      await clock.sleep(AGAIN_MS, closed.signal)
    }
  }

  /** Whether every channel has answered, be it with a refusal. */
  async function look(): Promise<boolean> {
    const now = clock.now()
    if (seen.ts !== undefined) {
      const oldest = tsOf(Math.max(msOf(seen.ts), now.getTime() - LONGEST_MS))
      const listed = context.inventory().channels.flatMap(({ slack }) => slack ?? [])
      for (const channel of new Set([...listed, ...options.opsChannels(), ...seen.directs])) {
        try {
          const missed = await missedIn(channel, oldest)
          for (const message of missed.toSorted((a, b) => Number(a.ts) - Number(b.ts))) await answer(message)
        } catch (error) {
          const trouble = troubleOf(error)
          if (!isPassing(trouble)) throw error
          options.onTrouble(trouble, `looking for what was missed in ${channel}`)
          return false
        }
      }
    }
    seen.upTo(new Date(now.getTime() - MARGIN_MS))
    return true
  }

  async function answer(message: Message): Promise<void> {
    // What comes after all as an event is the same command.
    if (desk.board.get(messageKey(message.channel, message.ts)) === undefined) await intake.message(message)
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

  /** Undefined when it is refused for good. @throws what Slack could not answer */
  async function patiently<T>(channel: string, call: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call()
      } catch (error) {
        const trouble = troubleOf(error)
        if (isPassing(trouble) && attempt === tries) throw error
        if (!isPassing(trouble)) {
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

const isPassing = ({ kind }: Trouble): boolean => kind === 'wait' || kind === 'again'
