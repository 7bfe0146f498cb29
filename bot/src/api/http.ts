/** What the API and the console share of HTTP: secrets compared, bodies limited, errors as statuses. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type ErrorCode, type ErrorData, HomelabError, type Secret } from '@homelab/core'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** Bytes of a request's body. A command has at most 4,000 characters, so nothing real comes near it. */
export const maxBodyBytes = 64 * 1024

const statuses: Record<ErrorCode, ContentfulStatusCode> = {
  usage: 400,
  config: 500,
  'not-found': 404,
  ambiguous: 409,
  denied: 403,
  unauthorised: 401,
  untrusted: 502,
  locked: 423,
  conflict: 409,
  unreachable: 502,
  timeout: 504,
  unclear: 502,
  cancelled: 409,
  failed: 502,
  bug: 500,
}

export const statusOf = (code: ErrorCode): ContentfulStatusCode => statuses[code]

/** Takes the same time whatever differs, and does not tell the lengths apart. */
export function sameSecret(given: string, expected: Secret): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected.reveal()))
}

/** What a stranger may read of an unexpected error: its own text may hold anything. */
export const unexpected: ErrorData = {
  code: 'bug',
  message: 'Something broke in homelab itself.',
  hint: 'The log of the bot has the details.',
}

/**
 * Reads a body and stops at the limit, whatever its Content-Length promised.
 * @throws HomelabError `usage` with `data.limit` when it is longer
 */
export async function readBody(request: Request, limit = maxBodyBytes): Promise<string> {
  const announced = Number(request.headers.get('content-length') ?? 0)
  if (announced > limit) throw tooLong(limit)
  if (request.body === null) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > limit) throw tooLong(limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export class TooLong extends HomelabError {}

const tooLong = (limit: number): TooLong =>
  new TooLong('usage', `That is too long: at most ${Math.floor(limit / 1024)} KiB are taken.`, {
    hint: 'Type a shorter command. `help` lists them.',
    data: { limit },
  })
