/** The other end of the API: what the CLI talks to a running bot with. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ButtonAction,
  type Completion,
  fromErrorData,
  HomelabError,
  isHomelabError,
  type Secret,
  type Services,
  TransportError,
  within,
} from '@homelab/core'
import { z } from 'zod'
import type { Posted } from '../chat/types.ts'
import { readEvents, silenceMs } from './sse.ts'

interface Cancel {
  readonly signal?: AbortSignal
}

export interface ApiClient {
  /**
   * A lost answer is asked for again with the same key, which never makes a second command.
   * @throws TransportError with `sent: false` when no bot listens there
   */
  submit(command: { text: string; key?: string; confirmed?: boolean }, options?: Cancel): Promise<Posted>
  /**
   * Each new state of a card, the current one first, to the last one. Connects again when the connection
   * drops, so that it survives a restart of the bot.
   * @throws TransportError when the bot stays away for longer than `giveUpMs`
   */
  follow(id: string, options?: Cancel): AsyncIterable<Posted>
  press(id: string, action: ButtonAction, options?: Cancel): Promise<Posted>
  complete(line: string, options?: Cancel): Promise<readonly Completion[]>
  about(options?: Cancel): Promise<Services['about']>
}

export interface ApiClientOptions {
  /** `http://127.0.0.1:8787` */
  readonly url: string
  readonly token: Secret
  /** How long `follow` waits for a bot that has gone. Default 60 s. */
  readonly giveUpMs?: number
}

const answerMs = 15_000
const tries = 4

export function createApiClient({ url, token, giveUpMs = 60_000 }: ApiClientOptions): ApiClient {
  const base = url.replace(/\/+$/, '')

  async function send(method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal) {
    let response: Response
    try {
      response = await fetch(`${base}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token.reveal()}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // The token is for this address and no other.
        redirect: 'error',
        signal,
      })
    } catch (error) {
      throw noAnswer(base, error)
    }
    if (response.ok) return response
    throw await refusal(response, base)
  }

  async function ask<T>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    answer: z.ZodType<T>,
    { signal }: Cancel = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        const response = await send(method, path, body, within(answerMs, signal))
        return answer.parse(await json(response, base))
      } catch (error) {
        signal?.throwIfAborted()
        // A refused connection is an answer: nobody is there. Anything else may have been on its way.
        if (!(error instanceof TransportError) || !error.sent || attempt === tries) throw error
      }
      await sleep(100 * 2 ** attempt, undefined, signal === undefined ? {} : { signal })
    }
  }

  async function* follow(id: string, { signal }: Cancel = {}): AsyncGenerator<Posted> {
    let last = ''
    let heard = performance.now()
    let pause = 100
    for (;;) {
      signal?.throwIfAborted()
      const connection = new AbortController()
      let silence = setTimeout(() => connection.abort(), answerMs)
      try {
        const all = signal === undefined ? connection.signal : AbortSignal.any([signal, connection.signal])
        const response = await send('GET', `/api/cards/${encodeURIComponent(id)}/events`, undefined, all)
        for await (const { event, data } of readEvents(response.body ?? new ReadableStream())) {
          heard = performance.now()
          pause = 100
          clearTimeout(silence)
          silence = setTimeout(() => connection.abort(), silenceMs)
          if (event !== 'card' || data === last) continue
          last = data
          const posted = postedAnswer.parse(JSON.parse(data))
          yield posted
          if (posted.state === 'done') return
          // The reader may have taken its time: a person was asked something.
          heard = performance.now()
        }
      } catch (error) {
        signal?.throwIfAborted()
        // What broke while reading the stream is a plain error of fetch; what the bot said is not.
        if (isHomelabError(error) && !(error instanceof TransportError)) throw error
        if (performance.now() - heard > giveUpMs) throw noAnswer(base, error)
      } finally {
        clearTimeout(silence)
        connection.abort()
      }
      if (performance.now() - heard > giveUpMs) throw noAnswer(base, undefined)
      await sleep(pause, undefined, signal === undefined ? {} : { signal })
      pause = Math.min(pause * 2, 2_000)
    }
  }

  return {
    submit: ({ text, confirmed, key = randomUUID() }, options) =>
      ask('POST', '/api/commands', { text, key, confirmed }, postedAnswer, options),
    follow,
    press: (id, action, options) =>
      ask(
        'POST',
        `/api/cards/${encodeURIComponent(id)}/press`,
        { action, key: randomUUID() },
        postedAnswer,
        options,
      ),
    complete: (line, options) => ask('POST', '/api/complete', { line }, completions, options),
    about: (options) => ask('GET', '/api/about', undefined, aboutAnswer, options),
  }
}

/** Our own server made it: enough is checked to tell it from a stranger's answer. */
const postedAnswer = z.custom<Posted>(
  (value) =>
    z
      .looseObject({
        id: z.string(),
        state: z.enum(['working', 'asking', 'done']),
        card: z.looseObject({ title: z.string(), tone: z.string() }),
      })
      .safeParse(value).success,
  'is not a card',
)
const completions = z.array(z.object({ line: z.string(), value: z.string(), label: z.string() }))
const aboutAnswer = z.object({ version: z.string(), mode: z.enum(['bot', 'inline']), lab: z.string() })
const errorAnswer = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
})

async function json(response: Response, base: string): Promise<unknown> {
  let text: string
  try {
    text = await response.text()
  } catch (error) {
    throw noAnswer(base, error)
  }
  try {
    return JSON.parse(text)
  } catch {
    throw stranger(base, response.status)
  }
}

async function refusal(response: Response, base: string): Promise<HomelabError> {
  const parsed = errorAnswer.safeParse(await json(response, base))
  if (!parsed.success) return stranger(base, response.status)
  const { code, message, hint, data } = parsed.data
  return fromErrorData({
    code: isCode(code) ? code : 'bug',
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(data === undefined ? {} : { data }),
  })
}

type Code = HomelabError['code']
const codes: Record<Code, true> = {
  usage: true,
  config: true,
  'not-found': true,
  ambiguous: true,
  denied: true,
  unauthorised: true,
  untrusted: true,
  locked: true,
  conflict: true,
  unreachable: true,
  timeout: true,
  unclear: true,
  cancelled: true,
  failed: true,
  bug: true,
}
const isCode = (code: string): code is Code => Object.hasOwn(codes, code)

const stranger = (base: string, status: number): HomelabError =>
  status >= 502 && status <= 504
    ? new TransportError(`A proxy before the bot at ${base} answered ${status}.`, true)
    : new HomelabError('unreachable', `What answers at ${base} is not homelab (HTTP ${status}).`, {
        hint: 'Check the address and the port of the bot.',
      })

function noAnswer(base: string, error: unknown): TransportError {
  if (error instanceof TransportError) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const sent = !['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)
  return new TransportError(
    sent
      ? `The bot at ${base} went away before it answered.`
      : `No bot answers at ${base}${code === '' ? '' : ` (${code})`}.`,
    sent,
    { hint: 'Start it with `npm start`, or check its log.', cause: error },
  )
}
