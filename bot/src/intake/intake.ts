/**
 * `POST /alerts/<source>`: what sources tell. It is kept, and then answered 200: whoever gets anything else tells it again,
 * if it can. A 400 is for what can never be right, because most senders take it for the end.
 */
import { type ErrorData, HomelabError, isHomelabError } from '@homelab/core'
import { type Alert, readAlerts } from '@homelab/core/alerts'
import type { AlertSourceEntry } from '@homelab/core/inventory'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { statusOf, unexpected } from '../api/http.ts'
import { bodyOf, Gone, Oversized } from './body.ts'
import { createSourceSecrets, type SourceSecretsOptions } from './secrets.ts'
import type { Inbox } from './types.ts'

/** Ten thousand alerts with all of their labels and texts. */
export const MAX_ALERTS_BYTES = 8 * 1024 * 1024
/** Milliseconds between two alerts about a source that cannot be understood. */
const TOLD_AGAIN_MS = 60_000

export interface SourceCounts {
  /** Messages that are kept. */
  readonly accepted: number
  /** Wrong secrets. */
  readonly refused: number
  /** Too large, or nothing that its kind sends. */
  readonly malformed: number
  /** That could not be kept: their senders were told to come again. */
  readonly failed: number
  /** When it was last understood, ISO 8601. */
  readonly lastAt?: string
}

export interface Intake {
  readonly app: Hono
  /** By name of the source, since the bot began. What was shown to no source of the file is under an empty name. */
  counts(): ReadonlyMap<string, SourceCounts>
}

export interface IntakeOptions extends Omit<SourceSecretsOptions, 'now' | 'warn'> {
  readonly inbox: Pick<Inbox, 'add'>
  readonly now?: () => Date
  readonly log: {
    warn(facts: object, text: string): void
    error(facts: object, text: string): void
  }
}

type Outcome = 'accepted' | 'refused' | 'malformed' | 'failed'
const none: SourceCounts = { accepted: 0, refused: 0, malformed: 0, failed: 0 }

export function createIntake(options: IntakeOptions): Intake {
  const { inventory, inbox, now = () => new Date(), log } = options
  const lookup = createSourceSecrets({
    ...options,
    warn: (facts) => log.warn(facts, 'the secret of a source of alerts cannot be used'),
    now: () => now().getTime(),
  })
  const counts = new Map<string, SourceCounts>()
  const toldAt = new Map<string, number>()
  const app = new Hono()

  const count = (source: string, outcome: Outcome) => {
    const before = counts.get(source) ?? none
    counts.set(source, {
      ...before,
      [outcome]: before[outcome] + 1,
      ...(outcome === 'accepted' ? { lastAt: now().toISOString() } : {}),
    })
  }

  app.all('/alerts/:source', async (c, next) => {
    // Asked for at each call: the file may change, and where there is no source this is no address.
    if (inventory().alerts.sources.length === 0) return await next()
    c.header('cache-control', 'no-store')
    const name = c.req.param('source')
    const known = inventory().alerts.sources.some((each) => each.name === name)
    const source = await lookup(name, shown(c.req.header('authorization')))
    if (source === undefined) {
      // Names that nobody has come from outside, in any number: they are counted as one.
      count(known ? name : '', 'refused')
      return refuse(c)
    }
    if (c.req.method !== 'POST' && c.req.method !== 'PUT') {
      c.header('allow', 'POST, PUT')
      return answer(c, { code: 'usage', message: 'Alerts are sent here by POST.' }, 405)
    }
    try {
      const alerts = await read(source, c)
      return await keep(c, source, alerts)
    } catch (error) {
      return await notUnderstood(c, source, error)
    }
  })

  async function read(source: AlertSourceEntry, c: Context): Promise<readonly Alert[]> {
    const text = await bodyOf(c, MAX_ALERTS_BYTES)
    return readAlerts(source.kind, source.name, jsonOf(text), now())
  }

  async function keep(c: Context, { name }: AlertSourceEntry, alerts: readonly Alert[]) {
    try {
      if (alerts.length > 0) await inbox.add(alerts)
    } catch (error) {
      count(name, 'failed')
      log.error({ err: error, source: name }, 'alerts cannot be kept')
      c.header('retry-after', '5')
      const data: ErrorData = {
        code: 'failed',
        message: 'The alerts cannot be kept now.',
        hint: 'Send them again: the log of the bot says why.',
      }
      return answer(c, data, 503)
    }
    count(name, 'accepted')
    return c.json({ accepted: alerts.length }, 200)
  }

  async function notUnderstood(c: Context, source: AlertSourceEntry, error: unknown) {
    if (error instanceof Gone) return c.body(null, 400)
    if (error instanceof Oversized) return await refuseAs(c, source, tooLong, 413)
    if (!isHomelabError(error)) {
      count(source.name, 'failed')
      log.error({ err: error, source: source.name }, 'a bug')
      return answer(c, unexpected, 500)
    }
    return await refuseAs(c, source, plain(error), statusOf(error.code))
  }

  async function refuseAs(
    c: Context,
    source: AlertSourceEntry,
    data: ErrorData,
    status: ContentfulStatusCode,
  ) {
    count(source.name, 'malformed')
    log.warn({ source: source.name, why: data.message }, 'a source of alerts is not understood')
    await tell(source, data)
    return answer(c, data, status)
  }

  /** Its sender may never say it again, and nobody reads its log: somebody has to know. */
  async function tell({ name }: AlertSourceEntry, { message, hint }: ErrorData): Promise<void> {
    const at = now()
    if ((toldAt.get(name) ?? Number.NEGATIVE_INFINITY) + TOLD_AGAIN_MS > at.getTime()) return
    toldAt.set(name, at.getTime())
    const alert: Alert = {
      source: name,
      fingerprint: 'intake/not-understood',
      status: 'firing',
      name: 'NotUnderstood',
      severity: 'warning',
      title: `${name} sent what is not understood`,
      text: [message, hint].filter((part) => part !== undefined).join(' '),
      labels: {},
      startsAt: at.toISOString(),
      once: true,
    }
    await inbox.add([alert]).catch((error: unknown) => log.error({ err: error }, 'alerts cannot be kept'))
  }

  return { app, counts: () => counts }
}

/** The token of a bearer, or the password of a login whatever the name. Empty when there is none. */
function shown(header = ''): string {
  const [, scheme = '', value = ''] = /^(\S+) +(.*)$/.exec(header.trim()) ?? []
  if (scheme.toLowerCase() === 'bearer') return value.trim()
  if (scheme.toLowerCase() !== 'basic') return ''
  const login = Buffer.from(value, 'base64').toString('utf8')
  return login.includes(':') ? login.slice(login.indexOf(':') + 1) : ''
}

/** The same for a wrong secret and for a source that there is not. */
function refuse(c: Context) {
  c.header('www-authenticate', 'Bearer realm="homelab alerts"')
  const data: ErrorData = {
    code: 'unauthorised',
    message: 'This is not a secret of this source.',
    hint: '`alert setup` says where its secret is, and how it is sent.',
  }
  return answer(c, data, 401)
}

/** Whatever its Content-Type says: some senders say nothing, and some say what is not so. */
function jsonOf(text: string): unknown {
  if (text.trim() === '')
    throw new HomelabError('usage', 'The message is empty.', { hint: 'Send JSON in the body.' })
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text) as unknown
  } catch (error) {
    const why = error instanceof Error ? error.message : ''
    throw new HomelabError('usage', `The message is no JSON${position(why)}.`, {
      hint: 'Send application/json. A text in it with quotes or line breaks needs to be escaped.',
    })
  }
}

/** Where it breaks off, without what stands there: that may be a secret. */
const position = (message: string): string => {
  const [, at] = /at position (\d+)/.exec(message) ?? []
  return at === undefined ? '' : ` from character ${Number(at) + 1} on`
}

const tooLong: ErrorData = {
  code: 'usage',
  message: `That is too long: at most ${MAX_ALERTS_BYTES / 1024 / 1024} MiB are taken at once.`,
  hint: 'Let the sender make smaller groups: with Alertmanager by group_by.',
}

const plain = ({ code, message, hint }: HomelabError): ErrorData => ({
  code,
  message,
  ...(hint === undefined ? {} : { hint }),
})

const answer = (c: Context, data: ErrorData, status: ContentfulStatusCode) => c.json(data, status)
