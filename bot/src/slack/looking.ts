/** Finding what was posted already, in a channel or a thread: Slack knows no key of ours. */
import type { WebClient } from '@slack/web-api'
import { type Trouble, troubleOf } from './trouble.ts'

export interface Target {
  readonly channel: string
  readonly thread?: string | undefined
}

/** What is looked at of a message. */
export interface Found {
  readonly ts?: string
  readonly metadata?: { readonly event_type?: string; readonly event_payload?: object }
  readonly files?: readonly { readonly name?: string | null; readonly size?: number }[]
}

/** Our clock may be behind or ahead of Slack's. */
const skewMs = 300_000
const pages = 5

/**
 * @param since ISO 8601; nothing older is looked at
 * @returns undefined too when we may not look: posted twice is better than not at all
 * @throws what Slack could not answer just now
 */
export async function lookFor(
  client: WebClient,
  { channel, thread }: Target,
  since: string,
  isIt: (message: Found) => boolean,
  onTrouble: (trouble: Trouble, what: string) => void,
): Promise<Found | undefined> {
  const oldest = String((Date.parse(since) - skewMs) / 1000)
  let cursor: string | undefined
  try {
    for (let page = 0; page < pages; page++) {
      const more = cursor === undefined ? {} : { cursor }
      const options = { channel, oldest, limit: 200, include_all_metadata: true, ...more }
      const { messages = [], response_metadata: next } =
        thread === undefined
          ? await client.conversations.history(options)
          : await client.conversations.replies({ ...options, ts: thread })
      const found = (messages as readonly Found[]).find(isIt)
      if (found !== undefined) return found
      cursor = next?.next_cursor
      if (cursor === undefined || cursor === '') return undefined
    }
  } catch (error) {
    const trouble = troubleOf(error)
    if (trouble.kind === 'scope') onTrouble(trouble, 'looking for what was posted')
    if (trouble.kind !== 'scope' && trouble.kind !== 'gone') throw error
  }
  return undefined
}
