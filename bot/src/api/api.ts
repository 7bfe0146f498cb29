/**
 * The HTTP API of a running bot. The CLI uses it, so that nothing goes past its locks, rights and audit.
 * Every answer is JSON; an error is an ErrorData with a fitting status.
 */
import { randomUUID } from 'node:crypto'
import {
  type Caller,
  type ErrorData,
  errorData,
  HomelabError,
  isHomelabError,
  type Secret,
  type Services,
} from '@homelab/core'
import { type Context, Hono } from 'hono'
import type { z } from 'zod'
import type { Draw } from '../charts/painter.ts'
import type { ConnectorStatus } from '../chat/connector.ts'
import type { Desk, Posted } from '../chat/types.ts'
import { socketOf } from '../console/guard.ts'
import { Throttle } from '../console/sessions.ts'
import { harmless } from '../rights/identity.ts'
import { proofOf } from '../state.ts'
import { readBody, sameSecret, statusOf, TooLong, unexpected } from './http.ts'
import { Pace } from './pace.ts'
import { completeBody, pictureQuery, pressBody, submitBody, waitQuery } from './schema.ts'
import { eventStream } from './sse.ts'
import type { TokenLookup } from './tokens.ts'
import { awaited } from './wait.ts'

export interface ApiOptions {
  readonly desk: Desk
  /** The owner's, of the state folder. */
  readonly token: Secret
  /** Who a request with the owner's token is. */
  readonly caller: (request: Request) => Caller
  /** The programs of homelab.yaml. Default: none. */
  readonly programs?: TokenLookup
  readonly about: Services['about']
  /** How the chat platforms are reached. */
  readonly platforms?: () => readonly ConnectorStatus[]
  /** Draws the picture of a card. Default: none can be drawn. */
  readonly draw?: Draw
  /** Told of every error that nobody foresaw. */
  readonly onBug?: (error: unknown) => void
}

/** Milliseconds that a platform may be away before whoever watches the bot is told. */
const AWAY_MS = 60_000

const isDeaf = ({ state, since }: ConnectorStatus): boolean =>
  state === 'refused' || (state === 'connecting' && Date.now() - Date.parse(since) > AWAY_MS)

/** It hears, and something does not work: a channel it may not write in, a clock that is off. Restarting it mends none of these. */
const isTroubled = ({ state, problem }: ConnectorStatus): boolean =>
  state === 'connected' && problem !== undefined

interface ApiEnv {
  Variables: { caller: Caller; owner: boolean }
}

export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const { desk, token, about, platforms, onBug } = options
  const api = new Hono<ApiEnv>()
  const throttle = new Throttle()
  const pace = new Pace()

  // For whoever watches the bot: anybody may ask, so it says nothing about the lab.
  api.get('/healthz', (c) => {
    const nonce = c.req.query('nonce')
    // Shows a terminal that this is the bot whose token it is about to send.
    if (nonce !== undefined && nonce.length <= 100)
      c.header('x-homelab-proof', proofOf(token.reveal(), nonce))
    c.header('cache-control', 'no-store')
    const statuses = platforms?.() ?? []
    const deaf = statuses.some(isDeaf)
    return c.json(
      {
        status: deaf ? 'deaf' : statuses.some(isTroubled) ? 'troubled' : 'ok',
        version: about.version,
        uptime: Math.round(process.uptime()),
        platforms: Object.fromEntries(
          statuses.map((each) => [each.platform, isTroubled(each) ? 'troubled' : each.state]),
        ),
      },
      deaf ? 503 : 200,
    )
  })

  api.use('/api/*', async (c, next) => {
    const [scheme, given = ''] = (c.req.header('authorization') ?? '').split(' ')
    const bearer = scheme?.toLowerCase() === 'bearer' && given !== ''
    const owner = bearer && sameSecret(given, token)
    const by = owner ? options.caller(c.req.raw) : bearer ? await options.programs?.(given) : undefined
    if (by === undefined) return refuse(c, bearer)
    if (!owner) {
      const seconds = pace.take(by.id)
      if (seconds > 0) return tooMany(c, seconds, 'locked', `${by.name} calls too often.`)
    }
    c.set('owner', owner)
    c.set('caller', owner ? by : named(by, c.req.header('x-homelab-for')))
    c.header('cache-control', 'no-store')
    return await next()
  })

  /** A right token is let in all the same: nobody can lock a program out, and none is short enough to be guessed. */
  function refuse(c: Context, bearer: boolean) {
    const address = socketOf(c).remoteAddress ?? ''
    if (bearer) throttle.failed(address)
    const seconds = throttle.wait(address)
    c.header('www-authenticate', 'Bearer realm="homelab"')
    if (bearer && seconds > 0) return tooMany(c, seconds, 'unauthorised', 'Too many wrong tokens.')
    return answer(c, {
      code: 'unauthorised',
      message: bearer ? 'The API token is wrong.' : 'This needs the API token.',
      hint: 'Send `Authorization: Bearer <token>`: that of the state folder, or of an entry of `people` in homelab.yaml.',
    })
  }

  api.post('/api/commands', async (c) => {
    const { text, key, confirmed } = await body(c, submitBody)
    const by = c.get('caller')
    // A key is for its sender alone: nobody gets at the card of another by guessing it.
    if (key !== undefined && desk.board.get(key) !== undefined) card(c, key)
    const posted = desk.submit({
      text,
      caller: by,
      place: { surface: by.surface, channel: by.id },
      key: key ?? randomUUID(),
      ...(confirmed === undefined ? {} : { confirmed }),
    })
    // Accepted means that it survives a crash of ours.
    await desk.stored()
    return c.json(posted, 202)
  })

  api.get('/api/cards/:id', async (c) => {
    const first = card(c, c.req.param('id'))
    const query = waitQuery.safeParse(c.req.query())
    if (!query.success) throw new HomelabError('usage', 'wait is 0 to 25 seconds, until started or done.')
    return c.json(await awaited(desk.board, first, query.data, c.req.raw.signal))
  })

  api.get('/api/cards/:id/events', (c) => {
    const first = card(c, c.req.param('id'))
    return eventStream((out) => {
      const show = (posted: Posted) => {
        if (posted.id !== first.id) return
        out.put('card', 'card', posted)
        if (posted.state === 'done') out.end()
      }
      const stop = desk.board.subscribe(first.place.surface, show)
      show(desk.board.get(first.id) ?? first)
      return stop
    }, c.req.raw.signal)
  })

  // As a picture; for clients that take text only, in JSON.
  api.get('/api/cards/:id/picture', async (c) => {
    const { picture } = card(c, c.req.param('id')).card
    const query = pictureQuery.safeParse(c.req.query())
    if (!query.success) throw new HomelabError('usage', 'theme is light or dark.')
    if (picture === undefined)
      throw new HomelabError('not-found', 'This card has no picture.', {
        hint: 'The answer to `graph` has one, when it is there.',
      })
    const png = await options.draw?.(picture.svg, query.data.theme)
    if (png === undefined)
      throw new HomelabError('failed', 'The picture cannot be drawn now.', {
        hint: 'Try again, or take the SVG of the card: `picture.svg`.',
      })
    if (c.req.header('accept')?.includes('application/json') === true)
      return c.json({ type: 'image/png', base64: Buffer.from(png).toString('base64') })
    return c.body(new Uint8Array(png), 200, { 'content-type': 'image/png' })
  })

  api.post('/api/cards/:id/press', async (c) => {
    const { action, key } = await body(c, pressBody)
    const { id } = card(c, c.req.param('id'))
    return c.json(desk.press(id, action, c.get('caller'), key ?? randomUUID()), 202)
  })

  api.post('/api/complete', async (c) => {
    const { line, limit } = await body(c, completeBody)
    return c.json(desk.complete(line, c.get('caller'), limit))
  })

  api.get('/api/about', (c) => c.json(about))

  api.all('/api/*', (c) =>
    answer(c, { code: 'not-found', message: `The API has no ${c.req.method} ${c.req.path}.` }),
  )

  api.onError((error, c) => {
    if (error instanceof TooLong) return c.json(errorData(error), 413)
    if (isHomelabError(error)) return answer(c, errorData(error))
    onBug?.(error)
    return answer(c, unexpected)
  })

  /** A program sees what it asked for itself; the owner sees everything. */
  function card(c: Context<ApiEnv>, id: string): Posted {
    const posted = desk.board.get(id)
    if (posted !== undefined && (c.get('owner') || posted.caller.id === c.get('caller').id)) return posted
    throw new HomelabError('not-found', `There is no card ${id.slice(0, 60)}.`, {
      hint: '`homelab run list` shows what was done.',
    })
  }

  return api
}

/** With what it calls for, for the audit log and the cards: `n8n (Nightly backup)`. It decides nothing. */
function named(by: Caller, purpose: string | undefined): Caller {
  const text = harmless(decoded(purpose ?? ''))
  return text === '' ? by : { ...by, name: `${by.name} (${text})` }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function tooMany(c: Context, seconds: number, code: ErrorData['code'], message: string) {
  c.header('retry-after', String(seconds))
  return c.json({ code, message, hint: `Try again in ${seconds} s.` } satisfies ErrorData, 429)
}

const answer = (c: Context, error: ErrorData) => c.json(error, statusOf(error.code))

async function body<T extends z.ZodType>(c: Context, schema: T): Promise<z.infer<T>> {
  const text = await readBody(c.req.raw)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new HomelabError('usage', 'The body is not JSON.')
  }
  const checked = schema.safeParse(value)
  if (checked.success) return checked.data
  const problems = checked.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  throw new HomelabError('usage', problems.join('; '), { data: { fields: problems } })
}
