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
import type { ConnectorStatus } from '../chat/connector.ts'
import type { Desk, Posted } from '../chat/types.ts'
import { proofOf } from '../state.ts'
import { readBody, sameSecret, statusOf, TooLong, unexpected } from './http.ts'
import { completeBody, pressBody, submitBody } from './schema.ts'
import { eventStream } from './sse.ts'

export interface ApiOptions {
  readonly desk: Desk
  readonly token: Secret
  /** Who a request with the right token is. */
  readonly caller: (request: Request) => Caller
  readonly about: Services['about']
  /** How the chat platforms are reached. */
  readonly platforms?: () => readonly ConnectorStatus[]
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

export function createApi({ desk, token, caller, about, platforms, onBug }: ApiOptions): Hono {
  const api = new Hono()

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
    const [scheme, given] = (c.req.header('authorization') ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'bearer' || !sameSecret(given ?? '', token)) {
      c.header('www-authenticate', 'Bearer realm="homelab"')
      return answer(c, {
        code: 'unauthorised',
        message: given === undefined ? 'This needs the API token.' : 'The API token is wrong.',
        hint: 'Send `Authorization: Bearer <token>`; the bot keeps the token in its state folder.',
      })
    }
    c.header('cache-control', 'no-store')
    return await next()
  })

  api.post('/api/commands', async (c) => {
    const { text, key, confirmed } = await body(c, submitBody)
    const by = caller(c.req.raw)
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

  api.get('/api/cards/:id', (c) => c.json(card(c.req.param('id'))))

  api.get('/api/cards/:id/events', (c) => {
    const first = card(c.req.param('id'))
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

  api.post('/api/cards/:id/press', async (c) => {
    const { action, key } = await body(c, pressBody)
    const { id } = card(c.req.param('id'))
    return c.json(desk.press(id, action, caller(c.req.raw), key ?? randomUUID()), 202)
  })

  api.post('/api/complete', async (c) => {
    const { line } = await body(c, completeBody)
    return c.json(desk.complete(line, caller(c.req.raw)))
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

  function card(id: string): Posted {
    const posted = desk.board.get(id)
    if (posted !== undefined) return posted
    throw new HomelabError('not-found', `There is no card ${id.slice(0, 60)}.`, {
      hint: '`homelab run list` shows what was done.',
    })
  }

  return api
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
