/** A chat channel behind a webhook address, as Discord has them: it takes messages by its rules and keeps them. */

import { json, listen } from './loopback.ts'

export interface Channel extends AsyncDisposable {
  /** A secret in itself, as Discord's are. */
  readonly webhook: string
  /** The texts that were posted, the oldest first. */
  readonly messages: readonly string[]
  /** Names of the files that came with them. */
  readonly files: readonly string[]
  /** Somebody deletes the webhook, or makes it again. */
  there(is: boolean): void
  /** The next message that matches, also one that is there already. @throws Error with those that are there after a time */
  message(match: RegExp, timeoutMs?: number): Promise<string>
}

/** Discord's limit for a message. */
const maxLength = 2000

export async function startChannel(): Promise<Channel> {
  const messages: string[] = []
  const files: string[] = []
  const waiting = new Set<() => void>()
  const path = `/api/webhooks/${Date.now()}/only-for-tests`
  let there = true
  const server = await listen((request) => {
    if (request.method !== 'POST' || request.path !== path || !there)
      return json(404, { code: 10015, message: 'Unknown Webhook' })
    const content = contentOf(request.body)
    if (content === '') return json(400, { code: 50006, message: 'Cannot send an empty message' })
    if (content.length > maxLength) return json(400, { code: 50035, message: 'Invalid Form Body' })
    messages.push(content)
    files.push(...filesOf(request.body))
    for (const look of waiting) look()
    return request.query.get('wait') === 'true' ? json(200, { id: '1', content }) : { status: 204 }
  })
  return {
    webhook: `${server.url}${path}`,
    messages,
    files,
    there: (is) => {
      there = is
    },
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

const isForm = (body: string): boolean => body.startsWith('--')

/** With a file it is a form, whose part `payload_json` is the message. */
function contentOf(body: string): string {
  const [, payload = ''] = /name="payload_json"[\s\S]*?\r\n\r\n([\s\S]*?)\r\n--/.exec(body) ?? []
  const value: unknown = JSON.parse(isForm(body) ? payload : body)
  return typeof value === 'object' && value !== null && 'content' in value ? String(value.content) : ''
}

const filesOf = (body: string): readonly string[] =>
  isForm(body)
    ? [...body.matchAll(/name="files\[\d+\]"; filename="([^"]+)"/g)].map(([, name = '']) => name)
    : []
