/** The REST API and the gateway on one port, and what stands before every route: limits, bans, faults, tokens. */
import type { Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpBindings } from '@hono/node-server'
import { createAdaptorServer } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { WebSocketServer } from 'ws'
import { take } from '../../process/faults.ts'
import type { Listening } from '../../process/listen.ts'
import { listen } from '../../process/listen.ts'
import { isJson } from '../check/form.ts'
import { ApiError, refuse } from '../error.ts'
import { discordNow } from '../ids.ts'
import type { Limit } from '../limits.ts'
import type { Peer } from '../peer.ts'
import { readBody } from './body.ts'
import type { Answer, Route } from './route.ts'
import { routes } from './routes/index.ts'

type Env = { Bindings: HttpBindings }

const USUAL: Limit = { count: 50, windowMs: 1_000 }

interface Reply extends Answer {
  readonly headers: Record<string, string>
  readonly scope: string
}

function tooMany(
  seconds: number,
  scope: 'user' | 'global' | 'shared',
  headers: Record<string, string>,
): Reply {
  return {
    status: 429,
    body: { message: 'You are being rate limited.', retry_after: seconds, global: scope === 'global' },
    // Exact, though the real header has whole seconds: a window can be shorter than one here.
    headers: { ...headers, 'retry-after': String(seconds), 'x-ratelimit-scope': scope },
    scope,
  }
}

function banned(seconds: number): Reply {
  return {
    status: 429,
    body: '<!DOCTYPE html><html><head><title>Access denied | discord.com used Cloudflare to restrict access</title></head><body>Error 1015. You are being rate limited. The owner of this website has banned you temporarily.</body></html>',
    headers: { 'content-type': 'text/html; charset=UTF-8', 'retry-after': String(Math.ceil(seconds)) },
    scope: 'shared',
  }
}

/** What the limit counts apart: the channel, the server, the interaction's token. */
function place(context: Context): string {
  const { channel, guild, token } = context.req.param() as Record<string, string | undefined>
  return token ?? channel ?? guild ?? ''
}

async function reply(peer: Peer, route: Route, context: Context<Env>): Promise<Reply> {
  const { faults, limits } = peer
  const name = `${route.method} ${route.path}`
  const plain = { headers: {}, scope: 'user' }
  if (limits.banned !== undefined) return banned(limits.banned)
  if (faults.restDelayMs > 0) await sleep(faults.restDelayMs)
  if (take(faults, 'restErrors'))
    return { status: faults.errorStatus, body: { message: 'Internal Server Error', code: 0 }, ...plain }
  if (take(faults, 'limited')) {
    const { limitedScope: scope, retryAfter } = faults
    peer.journal.add({ kind: 'limited', route: name, scope, retryAfter })
    return tooMany(retryAfter, scope, scope === 'global' ? { 'x-ratelimit-global': 'true' } : {})
  }
  const authorized = !faults.tokenRevoked && context.req.header('authorization') === `Bot ${peer.token}`
  if (route.bot !== false && !authorized) return { status: 401, body: refuse('unauthorized').body, ...plain }
  const ruling = limits.take(name, place(context), route.limit ?? USUAL, route.bot !== false)
  if (ruling.retryAfter !== undefined) {
    const { retryAfter, scope, headers } = ruling
    peer.journal.add({ kind: 'limited', route: name, scope, retryAfter })
    return tooMany(retryAfter, scope, headers)
  }
  const { headers } = ruling
  try {
    const { raw, files } = await readBody(context.req.raw)
    const answer = route.handle({
      peer,
      query: new URL(context.req.url).searchParams,
      body: isJson(raw) ? raw : {},
      raw,
      files,
      param: (wanted) => context.req.param(wanted) ?? '',
    })
    return { ...answer, headers, scope: 'user' }
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, body: error.body, headers, scope: 'user' }
    throw error
  }
}

/** Ends the connection without an answer. discord.js sends again what was reset, not what was closed. */
function hangUp(peer: Peer, context: Context<Env>): Response {
  if (peer.faults.cutByReset) context.env.incoming.socket.resetAndDestroy()
  else context.env.incoming.socket.destroy()
  return RESPONSE_ALREADY_SENT
}

function respond({ status, body, headers }: Reply): Response {
  const date = new Date(discordNow()).toUTCString()
  if (body === undefined) return new Response(null, { status, headers: { date, ...headers } })
  if (typeof body === 'string') return new Response(body, { status, headers: { date, ...headers } })
  return new Response(JSON.stringify(body), {
    status,
    headers: { date, 'content-type': 'application/json', ...headers },
  })
}

function app(peer: Peer): Hono<Env> {
  const { journal, faults, limits } = peer
  const api = new Hono<Env>()
  const record = (route: string, status: number, scope: string): void => {
    journal.add({ kind: 'rest', route, status })
    limits.note(status, scope)
  }
  api.use('*', async (context, next) => (faults.refuseRest ? hangUp(peer, context) : await next()))
  for (const route of routes)
    api.on(route.method, `/api/v10${route.path}`, async (context) => {
      const made = await reply(peer, route, context)
      record(`${route.method} ${route.path}`, made.status, made.scope)
      if (made.status < 300 && route.drop && take(faults, route.drop)) return hangUp(peer, context)
      return respond(made)
    })
  api.get('/attachments/:channel/:id/:name', (context) => {
    const data = peer.attachments.read(context.req.param('id'))
    return data
      ? new Response(new Uint8Array(data))
      : context.text('This content is no longer available.', 404)
  })
  api.onError((error, context) => {
    process.stderr.write(`discord: ${error.stack}\n`)
    return context.json({ message: 'Internal Server Error', code: 0 }, 500)
  })
  api.notFound((context) => {
    record(`${context.req.method} unknown`, 404, 'user')
    return context.json(refuse('notFound').body, 404)
  })
  return api
}

export async function serveRest(peer: Peer, port: number): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app(peer).fetch }) as Server
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    if (peer.faults.refuseGateway) socket.destroy()
    else sockets.handleUpgrade(request, socket, head, (opened) => peer.gateway.accept(opened, request))
  })
  const listening = await listen(server, port)
  return {
    port: listening.port,
    close: () => {
      for (const socket of sockets.clients) socket.terminate()
      return listening.close()
    },
  }
}
