/** One call of Cloudflare's API: the envelope checked, reads tried twice, writes sent once, a block respected. */
import type { z } from 'zod'
import { HomelabError, TransportError } from '../errors.ts'
import type { Clock, Http, HttpResponse } from '../ports.ts'
import type { Secret } from '../secret.ts'
import { type Call, envelopeOf, isThrottled, refusal, throttled, unclearError } from './errors.ts'
import type { Envelope } from './schemas.ts'

export const CLOUDFLARE_API = 'https://api.cloudflare.com/client/v4'

export interface CallOptions {
  readonly http: Http
  readonly clock: Clock
  /** The API token, asked for at every call. Undefined where the port signs the calls itself, as n8n's helper does. */
  readonly token?: (() => Promise<Secret>) | undefined
  /** Default `CLOUDFLARE_API`. The token goes there: https, or this machine itself. */
  readonly api?: string
  readonly log?: (message: string, facts: Readonly<Record<string, unknown>>) => void
}

export interface Caller {
  /** @throws HomelabError as `Cloudflare` says */
  read<T extends z.ZodType>(
    schema: T,
    call: Omit<Call, 'method'>,
    signal?: AbortSignal | undefined,
  ): Promise<z.infer<T>>
  /** Sent once. The signal is looked at before, never during: a change that is cut off in between may have happened. */
  write<T extends z.ZodType>(
    schema: T,
    call: Call,
    body?: unknown,
    signal?: AbortSignal | undefined,
  ): Promise<z.infer<T>>
  /** All pages. @param size of a page, the largest that the list allows */
  list<T extends z.ZodType<{ readonly id: string }>>(
    row: T,
    call: Omit<Call, 'method'>,
    size: number,
    signal?: AbortSignal | undefined,
  ): Promise<z.infer<T>[]>
}

const READ_MS = 30_000
const WRITE_MS = 60_000
/** Milliseconds before a read is tried again. */
const AGAIN_MS = 500
/** How long Cloudflare blocks a token that called too often, in ms. */
const BLOCK_MS = 300_000
const MAX_PAGES = 200

/** @throws HomelabError `config` */
function checkedApi(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const local = url !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  if (url === undefined || !(url.protocol === 'https:' || (local && url.protocol === 'http:')))
    throw new HomelabError('config', `"${text}" is no address that an API token may be sent to.`, {
      hint: `It is ${CLOUDFLARE_API}; another one has to begin with https://.`,
    })
  return text.replace(/\/+$/, '')
}

/**
 * Milliseconds for which nothing may be sent after this answer, 0 mostly. `"default";r=0;t=30`: none is left,
 * and the next call would not be one call refused but five minutes of them.
 */
function pauseAfter(response: HttpResponse): number {
  if (isThrottled(response)) {
    const seconds = Number(response.headers['retry-after'] ?? Number.NaN)
    return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : BLOCK_MS
  }
  const items = [...(response.headers.ratelimit ?? '').matchAll(/\br=(\d+)\s*;\s*t=(\d+)/g)]
  const spent = items.filter(([, left]) => Number(left) === 0).map(([, , seconds]) => Number(seconds) * 1000)
  return Math.min(BLOCK_MS, Math.max(0, ...spent))
}

export function createCaller(options: CallOptions): Caller {
  const { http, clock, token, log = () => {} } = options
  const api = checkedApi(options.api ?? CLOUDFLARE_API)
  let blockedUntil = 0

  async function send(call: Call, body: unknown, signal: AbortSignal | undefined): Promise<HttpResponse> {
    if (clock.now().getTime() < blockedUntil) throw throttled(new Date(blockedUntil))
    const response = await http.request({
      method: call.method,
      url: `${api}${call.path}`,
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${(await token()).reveal()}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: call.method === 'GET' ? READ_MS : WRITE_MS,
      ...(signal === undefined ? {} : { signal }),
    })
    const pause = pauseAfter(response)
    if (pause > 0) blockedUntil = Math.max(blockedUntil, clock.now().getTime() + pause)
    if (isThrottled(response)) throw throttled(new Date(blockedUntil))
    return response
  }

  function answerOf(response: HttpResponse, call: Call): Envelope {
    const envelope = envelopeOf(response.body)
    const good = response.status >= 200 && response.status < 300 && envelope?.success === true
    if (!good) throw refusal(response, call)
    return envelope
  }

  function parsed<T extends z.ZodType>(schema: T, envelope: Envelope, call: Call): z.infer<T> {
    const { data, error } = schema.safeParse(envelope.result)
    if (error === undefined) return data as z.infer<T>
    const [issue] = error.issues
    const where = issue === undefined ? '' : ` (${issue.path.join('.') || 'result'}: ${issue.message})`
    if (call.method !== 'GET') throw unclearError(call, `it answered in an unexpected form${where}`)
    throw new HomelabError('failed', `Cloudflare showed ${call.what} in an unexpected form${where}.`, {
      data: { path: call.path.split('?')[0] },
    })
  }

  async function get(given: Omit<Call, 'method'>, signal: AbortSignal | undefined): Promise<Envelope> {
    const call: Call = { ...given, method: 'GET' }
    for (let again = true; ; again = false) {
      signal?.throwIfAborted()
      try {
        const response = await send(call, undefined, signal)
        if (response.status < 500 || !again) return answerOf(response, call)
        log('cloudflare read failed', { path: call.path, status: response.status })
      } catch (error) {
        signal?.throwIfAborted()
        if (!again || !(error instanceof TransportError) || error.code === 'untrusted') throw error
        log('cloudflare read failed', { path: call.path, error: error.message })
      }
      await clock.sleep(AGAIN_MS, signal)
    }
  }

  return {
    async read(schema, call, signal) {
      return parsed(schema, await get(call, signal), { ...call, method: 'GET' })
    },
    async write(schema, call, body, signal) {
      signal?.throwIfAborted()
      let response: HttpResponse
      try {
        response = await send(call, body, undefined)
      } catch (error) {
        if (error instanceof TransportError && error.sent) throw unclearError(call, error.message, error)
        throw error
      }
      return parsed(schema, answerOf(response, call), call)
    },
    async list(row, call, size, signal) {
      const found = new Map<string, z.infer<typeof row>>()
      const query = call.path.includes('?') ? '&' : '?'
      let seen = 0
      for (let page = 1; page <= MAX_PAGES; page += 1) {
        const path = `${call.path}${query}page=${page}&per_page=${size}`
        const envelope = await get({ ...call, path }, signal)
        const rows = parsed(row.array(), envelope, { ...call, method: 'GET' })
        for (const each of rows) found.set(each.id, each)
        seen += rows.length
        // A page may be shorter than asked for; only the total says what is missing.
        const total = envelope.result_info?.total_count
        if (rows.length === 0 || (total === undefined ? rows.length < size : seen >= total))
          return [...found.values()]
      }
      throw new HomelabError('failed', `Cloudflare shows more than ${MAX_PAGES} pages of ${call.what}.`)
    },
  }
}
