/** The HTTP API of a running bot, over n8n's request helper: commands as cards, asked for again until they rest. */
import { type Clock, fromErrorData, HomelabError, type Http, type Json, TransportError } from '@homelab/core'

/** What is used of a card; the bot made it. */
export interface Posted {
  readonly id: string
  readonly state: 'working' | 'asking' | 'done'
  readonly run?: string
  readonly error?: string
  readonly output?: Json
  readonly card: {
    readonly title: string
    readonly text?: string
    readonly sections?: readonly {
      readonly kind: string
      readonly title?: string
      readonly text?: string
      readonly items?: readonly unknown[]
    }[]
    readonly buttons?: readonly { readonly action: { readonly kind: string; readonly id?: string } }[]
  }
}

export interface Completed {
  readonly value: string
  readonly label: string
}

type Check<T> = (value: unknown) => value is T

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** Enough to tell a card from a stranger's answer. */
const isPosted: Check<Posted> = (value): value is Posted =>
  isRecord(value) &&
  typeof value.id === 'string' &&
  ['working', 'asking', 'done'].includes(String(value.state)) &&
  isRecord(value.card) &&
  typeof value.card.title === 'string'

const areCompletions: Check<readonly Completed[]> = (value): value is readonly Completed[] =>
  Array.isArray(value) && value.every((each) => isRecord(each) && typeof each.value === 'string')

const isPicture: Check<{ readonly base64: string }> = (value): value is { readonly base64: string } =>
  isRecord(value) && typeof value.base64 === 'string'

const anything: Check<unknown> = (value): value is unknown => value !== undefined

export interface Bot {
  /**
   * A lost answer is asked for again with the same key, which never makes a second command.
   * @param confirmed answers the first question, as `--yes` does in a terminal
   * @param change it is no read
   * @throws HomelabError `unclear` for a change that was sent and never answered
   */
  submit(text: string, confirmed: boolean, change?: boolean): Promise<Posted>
  /** @param wait seconds that the bot may keep the answer back, at most 25 */
  card(id: string, wait: number, until: 'started' | 'done'): Promise<Posted>
  press(id: string, action: { readonly kind: string; readonly id?: string | undefined }): Promise<void>
  complete(line: string): Promise<readonly Completed[]>
  /** The picture of a card as PNG, in base64. @throws HomelabError `failed` when it cannot be drawn */
  picture(id: string, theme: 'light' | 'dark'): Promise<string>
}

export interface BotOptions {
  readonly http: Http
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  /** `http://127.0.0.1:8787` */
  readonly url: string
  /** What the commands are for, shown beside the caller's name. */
  readonly purpose: string
  readonly signal?: AbortSignal | undefined
}

/** Milliseconds in which a bot that is restarted is there again; nobody waits so long for a list in the editor. */
const patience = { command: 60_000, list: 2_000 }
/** Milliseconds between two attempts: twice as long each time. */
const pause = { first: 250, longest: 5_000 }
const completions = 500

interface Asked<T> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  readonly check: Check<T>
  /** Milliseconds that the bot may keep the answer back. */
  readonly waitMs?: number
  readonly patienceMs?: number
  /** What to say instead when it was sent and no answer is known. */
  readonly unclear?: (error: Error) => Error
}

export function createBot({ http, clock, url, purpose, signal }: BotOptions): Bot {
  const base = url.trim().replace(/\/+$/, '')
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    'x-homelab-for': encodeURIComponent(purpose),
  }

  async function ask<T>(asked: Asked<T>): Promise<T> {
    const { method, path, body, check, waitMs = 0, patienceMs = patience.command } = asked
    const end = clock.monotonic() + patienceMs
    let lost = false
    for (let pauseMs = pause.first; ; pauseMs = Math.min(2 * pauseMs, pause.longest)) {
      try {
        const answer = await http.request({
          method,
          url: `${base}${path}`,
          headers,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          timeoutMs: waitMs + 15_000,
          ...(signal === undefined ? {} : { signal }),
        })
        return read(answer.status, answer.body, check, base)
      } catch (thrown) {
        const error = toHomelab(thrown)
        signal?.throwIfAborted()
        const silent = error instanceof TransportError
        lost ||= silent && error.sent
        // All that is asked twice has the same key, or changes nothing.
        if (silent && error.code !== 'untrusted' && clock.monotonic() + pauseMs <= end) {
          await clock.sleep(pauseMs, signal)
          continue
        }
        throw lost ? (asked.unclear?.(error) ?? error) : error
      }
    }
  }

  return {
    submit(text, confirmed, change = false) {
      const key = `n8n:${crypto.randomUUID()}`
      return ask({
        method: 'POST',
        path: '/api/commands',
        body: { text, confirmed, key },
        check: isPosted,
        ...(change ? { unclear: unanswered(text, key) } : {}),
      })
    },
    card: (id, wait, until) =>
      ask({
        method: 'GET',
        path: `/api/cards/${encodeURIComponent(id)}?wait=${wait}&until=${until}`,
        check: isPosted,
        waitMs: wait * 1000,
      }),
    async press(id, action) {
      const body = { action, key: `n8n:${crypto.randomUUID()}` }
      await ask({ method: 'POST', path: `/api/cards/${encodeURIComponent(id)}/press`, body, check: anything })
    },
    async picture(id, theme) {
      const path = `/api/cards/${encodeURIComponent(id)}/picture?theme=${theme}`
      return (await ask({ method: 'GET', path, check: isPicture })).base64
    },
    complete: (line) =>
      ask({
        method: 'POST',
        path: '/api/complete',
        body: { line, limit: completions },
        check: areCompletions,
        patienceMs: patience.list,
      }),
  }
}

const unanswered = (text: string, command: string) => (cause: Error) =>
  new HomelabError('unclear', `It is not known whether the bot took "${text}": ${cause.message}`, {
    hint: `Do not send it again. Command: Get with the ID ${command} tells whether the bot has it, and what became of it.`,
    data: { command, text },
    cause,
  })

const toHomelab = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

function read<T>(status: number, body: string, check: Check<T>, base: string): T {
  const value = jsonOf(body)
  if (status >= 200 && status < 300) {
    if (check(value)) return value
    throw stranger(base, status)
  }
  if (!isRecord(value) || typeof value.message !== 'string') throw stranger(base, status)
  const { message, hint: said, data } = value
  const hint =
    status === 401 ? 'Check the token in the credential against that of "people" in homelab.yaml.' : said
  throw fromErrorData({
    code: codeOf(String(value.code)),
    message,
    ...(typeof hint === 'string' ? { hint } : {}),
    data: { ...(isRecord(data) ? data : {}), status },
  })
}

/** A proxy before the bot says 502 to 504 while it restarts. */
const stranger = (base: string, status: number): HomelabError =>
  status >= 502 && status <= 504
    ? new TransportError(`A proxy before the bot at ${base} answered ${status}`, true)
    : new HomelabError('unreachable', `What answers at ${base} is not homelab (HTTP ${status})`, {
        hint: 'Check the URL in the credential: it is that of the console of the bot.',
      })

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const codes = new Set<string>([
  'usage',
  'config',
  'not-found',
  'ambiguous',
  'denied',
  'unauthorised',
  'untrusted',
  'locked',
  'conflict',
  'unreachable',
  'timeout',
  'unclear',
  'cancelled',
  'failed',
] satisfies HomelabError['code'][])
/** Of the bot's words; one that this version does not know is a bug's. */
export const codeOf = (code: string): HomelabError['code'] =>
  codes.has(code) ? (code as HomelabError['code']) : 'bug'
