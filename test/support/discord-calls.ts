/** The Discord test peer without a client: nothing waits, nothing is checked before it is sent. */
import { once } from 'node:events'
import type { Discord } from './discord.ts'

export interface Answer {
  readonly status: number
  readonly code: number | undefined
  readonly errors: Readonly<Record<string, unknown>> | undefined
  readonly id: string
  readonly headers: Headers
  readonly text: string
}

/** One REST call; `path` is what comes after `/v10`. */
export async function call(
  discord: Discord,
  method: string,
  path: string,
  body?: object,
  token = discord.ready.token,
): Promise<Answer> {
  const form = body instanceof FormData
  const response = await fetch(`${discord.ready.api}/v10${path}`, {
    method,
    headers: { authorization: `Bot ${token}`, ...(!form && { 'content-type': 'application/json' }) },
    ...(body && { body: form ? body : JSON.stringify(body) }),
  })
  const { status, headers } = response
  const text = await response.text()
  const json = text.startsWith('{') ? JSON.parse(text) : {}
  return { status, headers, text, code: json.code, errors: json.errors, id: json.id }
}

/** Places in the nested `errors` that have something to say: `embeds.0.title`. */
export function places(errors: unknown, path: readonly string[] = []): string[] {
  if (typeof errors !== 'object' || errors === null) return []
  return Object.entries(errors).flatMap(([name, inner]) =>
    name === '_errors' ? [path.join('.')] : places(inner, [...path, name]),
  )
}

/** A gateway session that hears everything a bot without intents does. */
export async function listen(discord: Discord): Promise<{
  /** The next interaction: its callback's path. */
  next(): Promise<string>
  close(): void
}> {
  const socket = new WebSocket(`${discord.ready.gateway}/?v=10&encoding=json`)
  const heard: string[] = []
  const waiting: ((path: string) => void)[] = []
  const ready = Promise.withResolvers<void>()
  socket.addEventListener('message', ({ data }) => {
    const { t, d } = JSON.parse(String(data))
    if (t === 'READY') ready.resolve()
    if (t !== 'INTERACTION_CREATE') return
    const path = `/interactions/${d.id}/${d.token}/callback`
    const take = waiting.shift()
    if (take) take(path)
    else heard.push(path)
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ op: 2, d: { token: discord.ready.token, intents: 1, properties: {} } }))
  await ready.promise
  return {
    next: () => {
      const path = heard.shift()
      return path ? Promise.resolve(path) : new Promise((resolve) => waiting.push(resolve))
    },
    close: () => socket.close(),
  }
}
