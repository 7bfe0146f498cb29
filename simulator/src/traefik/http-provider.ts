/** Traefik's HTTP provider: it asks for a document again and again, and keeps what it has when the answer is no good. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dynamic, decode } from './dynamic.ts'

const POLL_MS = 5_000

export interface Polled {
  readonly endpoint: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpProviderOptions {
  readonly scaled: (ms: number) => number
  readonly log: (line: object) => void
  readonly received: (dynamic: Dynamic) => void
}

/** Polls until the signal says that it is enough. */
export async function pollHttp(
  { endpoint, headers = {} }: Polled,
  { scaled, log, received }: HttpProviderOptions,
  signal: AbortSignal,
): Promise<void> {
  let last: string | undefined
  while (!signal.aborted) {
    try {
      const response = await fetch(endpoint, {
        headers,
        signal: AbortSignal.any([signal, AbortSignal.timeout(POLL_MS)]),
      })
      const body = await response.text()
      if (response.status !== 200)
        throw new Error(`cannot fetch configuration data: received non-ok response code: ${response.status}`)
      if (body !== last) {
        // It is not looked at again, even if it cannot be read now.
        last = body
        received(decode(body))
      }
    } catch (error) {
      if (signal.aborted) return
      log({
        level: 'error',
        providerName: 'http',
        error: error instanceof Error ? error.message : String(error),
        message: 'Provider error, retrying',
      })
    }
    await sleep(scaled(POLL_MS), undefined, { ref: false, signal }).catch(() => undefined)
  }
}
