/** The HTTP API of a running bot, over n8n's request helper: commands as cards, asked for again until they rest. */
import { fromErrorData, HomelabError, type Http, type Json, TransportError } from '@homelab/core'

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

const anything: Check<unknown> = (value): value is unknown => value !== undefined

export interface Bot {
  /**
   * A lost answer is asked for again with the same key, which never makes a second command.
   * @param confirmed answers the first question, as `--yes` does in a terminal
   */
  submit(text: string, confirmed: boolean): Promise<Posted>
  /** @param wait seconds that the bot may keep the answer back, at most 25 */
  card(id: string, wait: number, until: 'started' | 'done'): Promise<Posted>
  press(id: string, action: { readonly kind: string; readonly id?: string | undefined }): Promise<void>
  complete(line: string): Promise<readonly Completed[]>
}

export interface BotOptions {
  readonly http: Http
  /** `http://127.0.0.1:8787` */
  readonly url: string
  /** What the commands are for, shown beside the caller's name. */
  readonly purpose: string
  readonly signal?: AbortSignal | undefined
}

const tries = 4
const completions = 500

export function createBot({ http, url, purpose, signal }: BotOptions): Bot {
  const base = url.trim().replace(/\/+$/, '')
  const headers = { 'content-type': 'application/json', 'x-homelab-for': encodeURIComponent(purpose) }

  async function ask<T>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    check: Check<T>,
    waitMs = 0,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
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
      } catch (error) {
        // A refused connection is an answer: nobody is there. Anything else may have been on its way.
        const again = error instanceof TransportError && error.sent && signal?.aborted !== true
        if (!again || attempt === tries) throw toHomelab(error)
      }
    }
  }

  return {
    submit: (text, confirmed) =>
      ask('POST', '/api/commands', { text, confirmed, key: `n8n:${crypto.randomUUID()}` }, isPosted),
    card: (id, wait, until) =>
      ask(
        'GET',
        `/api/cards/${encodeURIComponent(id)}?wait=${wait}&until=${until}`,
        undefined,
        isPosted,
        wait * 1000,
      ),
    async press(id, action) {
      const body = { action, key: `n8n:${crypto.randomUUID()}` }
      await ask('POST', `/api/cards/${encodeURIComponent(id)}/press`, body, anything)
    },
    complete: (line) => ask('POST', '/api/complete', { line, limit: completions }, areCompletions),
  }
}

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
