/** Posting once. `chat.postMessage` knows no key of ours, so each message carries one, and is looked for before it is posted again. */
import type { KnownBlock } from '@slack/types'
import type { ChatPostMessageArguments, WebClient } from '@slack/web-api'
import type { Posted } from '../chat/types.ts'
import { type Trouble, troubleOf } from './trouble.ts'
import type { Spot } from './where.ts'

export interface Target {
  readonly channel: string
  readonly thread?: string | undefined
}

export interface Once {
  readonly spot: Spot
  /** It was there already: with what the card was then. */
  readonly found: boolean
}

export interface Posting {
  /** @param part which of the card's messages it is: `card`, `mention`, `log.40` */
  once(posted: Posted, part: string, target: Target, content: Content): Promise<Once>
  metadata(posted: Posted, part: string): Metadata
}

export interface Content {
  readonly text: string
  readonly blocks?: readonly KnownBlock[]
}

interface Metadata {
  readonly event_type: string
  readonly event_payload: { readonly card: string; readonly part: string }
}

const eventType = 'homelab_card'
/** Our clock may be behind or ahead of Slack's. */
const skewMs = 300_000
const pages = 5
const mostRemembered = 5_000

export function createPosting(
  client: WebClient,
  startedAt: Date,
  onTrouble: (trouble: Trouble, what: string) => void,
): Posting {
  /** Posts whose answer was lost. */
  const unclear = new Set<string>()
  /** Cards that this process has posted for: for older ones the one before may have. */
  const touched = new Set<string>()

  const metadata = ({ id }: Posted, part: string): Metadata => ({
    event_type: eventType,
    event_payload: { card: id, part },
  })

  async function find(
    posted: Posted,
    part: string,
    { channel, thread }: Target,
  ): Promise<string | undefined> {
    const oldest = String((Date.parse(posted.at) - skewMs) / 1000)
    let cursor: string | undefined
    for (let page = 0; page < pages; page++) {
      const options = {
        channel,
        oldest,
        limit: 200,
        include_all_metadata: true,
        ...(cursor === undefined ? {} : { cursor }),
      }
      const { messages = [], response_metadata: next } =
        thread === undefined
          ? await client.conversations.history(options)
          : await client.conversations.replies({ ...options, ts: thread })
      const found = messages.find(({ metadata: mark }) => {
        const payload = (mark?.event_payload ?? {}) as { readonly card?: unknown; readonly part?: unknown }
        return mark?.event_type === eventType && payload.card === posted.id && payload.part === part
      })
      if (found?.ts !== undefined) return found.ts
      cursor = next?.next_cursor
      if (cursor === undefined || cursor === '') return undefined
    }
    return undefined
  }

  async function lookFor(posted: Posted, part: string, target: Target): Promise<string | undefined> {
    try {
      return await find(posted, part, target)
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble.kind === 'scope') onTrouble(trouble, 'looking for what was posted')
      // Then it is posted: a card twice is better than none.
      if (trouble.kind === 'scope' || trouble.kind === 'gone') return undefined
      throw error
    }
  }

  return {
    metadata,
    async once(posted, part, target, content) {
      const key = `${posted.id}/${part}`
      const { channel, thread } = target
      const old = Date.parse(posted.at) < startedAt.getTime() && !touched.has(posted.id)
      let ts = old || unclear.has(key) ? await lookFor(posted, part, target) : undefined
      const found = ts !== undefined
      if (ts === undefined) {
        try {
          const answer = await client.chat.postMessage({
            channel,
            ...content,
            metadata: metadata(posted, part),
            unfurl_links: false,
            unfurl_media: false,
            ...(thread === undefined ? {} : { thread_ts: thread }),
          } as ChatPostMessageArguments)
          ts = answer.ts ?? ''
        } catch (error) {
          if (troubleOf(error).unclear === true) remember(unclear, key)
          throw error
        }
      }
      unclear.delete(key)
      remember(touched, posted.id)
      return { spot: { channel, ts, ...(thread === undefined ? {} : { thread }), files: [] }, found }
    },
  }
}

function remember(set: Set<string>, key: string): void {
  set.add(key)
  const [oldest] = set
  if (set.size > mostRemembered && oldest !== undefined) set.delete(oldest)
}
