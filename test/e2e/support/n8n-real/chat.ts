/** A chat channel behind a webhook address, as Discord has them: it takes messages by its rules and keeps them. */

import { json, listen } from './loopback.ts'

export interface Channel extends AsyncDisposable {
  /** A secret in itself, as Discord's are. */
  readonly webhook: string
  /** The texts that were posted, the oldest first. */
  readonly messages: readonly string[]
  /** The next message that matches, also one that is there already. @throws Error with those that are there after a time */
  message(match: RegExp, timeoutMs?: number): Promise<string>
}

/** Discord's limit for a message. */
const maxLength = 2000

export async function startChannel(): Promise<Channel> {
  const messages: string[] = []
  const waiting = new Set<() => void>()
  const path = `/api/webhooks/${Date.now()}/only-for-tests`
  const server = await listen((request) => {
    if (request.method !== 'POST' || request.path !== path)
      return json(404, { code: 10015, message: 'Unknown Webhook' })
    const content = contentOf(request.body)
    if (content === '') return json(400, { code: 50006, message: 'Cannot send an empty message' })
    if (content.length > maxLength) return json(400, { code: 50035, message: 'Invalid Form Body' })
    messages.push(content)
    for (const look of waiting) look()
    return { status: 204 }
  })
  return {
    webhook: `${server.url}${path}`,
    messages,
    async message(match, timeoutMs = 30_000) {
      const found = Promise.withResolvers<string>()
      const look = () => {
        const text = messages.find((each) => match.test(each))
        if (text !== undefined) found.resolve(text)
      }
      const late = setTimeout(
        () => found.reject(new Error(`no message ${match} among ${JSON.stringify(messages)}`)),
        timeoutMs,
      )
      waiting.add(look)
      look()
      try {
        return await found.promise
      } finally {
        clearTimeout(late)
        waiting.delete(look)
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

function contentOf(body: string): string {
  const value: unknown = JSON.parse(body)
  return typeof value === 'object' && value !== null && 'content' in value ? String(value.content) : ''
}
