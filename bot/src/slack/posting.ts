/** Posting once. `chat.postMessage` knows no key of ours, so each message carries one, and is looked for before it is posted again. */
import type { KnownBlock } from '@slack/types'
import type { ChatPostMessageArguments, WebClient } from '@slack/web-api'
import type { Posted } from '../chat/types.ts'
import { lookFor, type Target } from './looking.ts'
import { remember } from './remember.ts'
import { type Trouble, troubleOf } from './trouble.ts'
import type { Spot } from './where.ts'

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

  const find = (posted: Posted, part: string, target: Target) =>
    lookFor(
      client,
      target,
      posted.at,
      ({ metadata: mark }) => {
        const payload = (mark?.event_payload ?? {}) as { readonly card?: unknown; readonly part?: unknown }
        return mark?.event_type === eventType && payload.card === posted.id && payload.part === part
      },
      onTrouble,
    )

  return {
    metadata,
    async once(posted, part, target, content) {
      const key = `${posted.id}/${part}`
      const { channel, thread } = target
      const old = Date.parse(posted.at) < startedAt.getTime() && !touched.has(posted.id)
      let ts = old || unclear.has(key) ? (await find(posted, part, target))?.ts : undefined
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
