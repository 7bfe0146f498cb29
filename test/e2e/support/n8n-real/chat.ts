/** A chat channel behind a webhook address, as Discord has them: it takes messages by its rules and keeps them. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

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
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const answer = (status: number, body?: object) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(body && JSON.stringify(body))
    }
    if (request.method !== 'POST' || request.url?.split('?')[0] !== path)
      return answer(404, { code: 10015, message: 'Unknown Webhook' })
    const content = contentOf(Buffer.concat(chunks).toString())
    if (content === '') return answer(400, { code: 50006, message: 'Cannot send an empty message' })
    if (content.length > maxLength) return answer(400, { code: 50035, message: 'Invalid Form Body' })
    messages.push(content)
    for (const look of waiting) look()
    answer(204)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    webhook: `http://127.0.0.1:${port}${path}`,
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
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function contentOf(body: string): string {
  const value: unknown = JSON.parse(body)
  return typeof value === 'object' && value !== null && 'content' in value ? String(value.content) : ''
}
