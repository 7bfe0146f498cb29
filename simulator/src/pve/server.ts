/** One endpoint of the API, as pveproxy speaks HTTP: status lines with reasons, no chunked bodies, impatient sockets. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Certificate } from '../certificate.ts'
import { take } from '../process/faults.ts'
import type { Sim } from '../sim.ts'
import type { Auth } from './auth.ts'
import { PveError } from './error.ts'
import type { Gate } from './gate.ts'
import { parseForm, parseJson } from './params.ts'
import { Listing, Ready } from './route.ts'
import type { Router } from './router.ts'

const MAX_BODY = 512 * 1024
const IDLE_MS = 5_000
const REQUESTS_PER_CONNECTION = 100
const UNAUTHORIZED_MS = 3_000
const BASE = '/api2/json'
const KNOWN = ['GET', 'POST', 'PUT', 'DELETE']

export interface Endpoint {
  readonly node: string
  readonly port: number
  setCertificate(certificate: Certificate): void
  /** Refuses connections while its node is down. */
  setUp(up: boolean): Promise<void>
  close(): Promise<void>
}

/** What a status line can hold: one line of Latin-1. */
const reason = (message: string): string =>
  message
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/[^\x20-\x7e\xa0-\xff]/g, '?')

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

interface Answer {
  readonly status: number
  readonly message: string
  readonly body: Buffer
}

export async function serveApi(
  sim: Sim,
  node: string,
  port: number,
  certificate: Certificate,
  router: Router,
  auth: Auth,
  gate: Gate,
): Promise<Endpoint> {
  const served = new WeakMap<Socket, number>()

  const refusal = (error: unknown): Answer => {
    const known =
      error instanceof PveError
        ? error
        : new PveError(500, error instanceof Error ? error.message : String(error))
    // A proxied or an unauthorised call has no body at all; the JSON `message` came with newer versions.
    const empty = known.status === 401 || known.status === 501 || known.status > 590
    const content = {
      data: null,
      ...(known.errors && { errors: known.errors }),
      ...(sim.options.pve >= '9' && { message: `${known.message}\n` }),
    }
    return {
      status: known.status,
      message: known.message,
      body: Buffer.from(empty ? '' : JSON.stringify(content)),
    }
  }

  const success = (data: unknown): Answer => {
    if (data instanceof Ready) return { status: 200, message: 'OK', body: data.body }
    const content = data instanceof Listing ? { data: data.data, total: data.total } : { data: data ?? null }
    return { status: 200, message: 'OK', body: Buffer.from(JSON.stringify(content)) }
  }

  const send = (request: IncomingMessage, response: ServerResponse, answer: Answer): void => {
    const { socket } = request
    const count = (served.get(socket) ?? 0) + 1
    served.set(socket, count)
    const close =
      answer.status >= 400 ||
      count >= REQUESTS_PER_CONNECTION ||
      /close/i.test(request.headers.connection ?? '')
    const zip = answer.body.length > 256 && /gzip/.test(String(request.headers['accept-encoding'] ?? ''))
    const body = zip ? gzipSync(answer.body, { level: 1 }) : answer.body
    response.shouldKeepAlive = !close
    response.writeHead(answer.status, reason(answer.message), {
      'Cache-Control': 'max-age=0',
      Connection: close ? 'close' : 'Keep-Alive',
      Date: new Date(sim.clock.now()).toUTCString(),
      Pragma: 'no-cache',
      Server: 'pve-api-daemon/3.0',
      'Content-Length': body.length,
      ...(body.length > 0 && { 'Content-Type': 'application/json;charset=UTF-8' }),
      ...(zip && { 'Content-Encoding': 'gzip' }),
    })
    response.end(body)
    if (close) response.once('finish', () => socket.end())
  }

  const respond = async (
    request: IncomingMessage,
  ): Promise<{ answer: Answer; verb: string; path: string } | undefined> => {
    const verb = request.method ?? 'GET'
    const [pathname = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s)
    const path =
      pathname.startsWith(`${BASE}/`) || pathname === BASE
        ? decodeURIComponent(pathname.slice(BASE.length)) || '/'
        : pathname
    const change = verb !== 'GET' && path !== '/access/ticket'
    sim.journal.request(verb, path)
    if (sim.faults.delayMs > 0) await sleep(sim.faults.delayMs, undefined, { ref: false })
    let answer: Answer
    try {
      if (!KNOWN.includes(verb)) throw new PveError(501, `method '${verb}' not available`)
      if (request.headers['transfer-encoding'])
        throw new PveError(501, 'chunked transfer encoding not supported')
      if (!pathname.startsWith(BASE)) throw new PveError(501, `no such file '${pathname}'`)
      const route = router.find(verb, path)
      if (sim.faults.unauthorized) throw new PveError(401, 'authentication failure')
      const caller = route?.route.allow === 'world' ? { id: '', user: '' } : auth.caller(request, verb)
      const length = Number(request.headers['content-length'] ?? 0)
      if (length > 0 && (verb === 'GET' || verb === 'DELETE'))
        throw new PveError(501, `Unexpected content for method '${verb}'`)
      if (length > MAX_BODY) throw new PveError(501, 'for data too large')
      const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim()
      if (length > 0 && type && type !== 'application/x-www-form-urlencoded' && type !== 'application/json') {
        throw new PveError(506, `upload 'Content-Type '${type}' not implemented`)
      }
      const body = length > 0 ? await readBody(request) : ''
      if (change && take(sim.faults, 'holdBefore')) await gate.hold({ verb, path, phase: 'before' })
      if (change && take(sim.faults, 'cutBefore')) return undefined
      if (!route) throw new PveError(501, `Method '${verb} ${path}' not implemented`)
      const form = type === 'application/json' ? parseJson(body) : parseForm(body)
      const data = await router.call(
        route,
        { sim, auth, caller, local: node },
        { ...form, ...parseForm(query) },
      )
      if (change) {
        sim.journal.add({ kind: 'done', verb, path })
        if (take(sim.faults, 'holdAfter')) await gate.hold({ verb, path, phase: 'after' })
        if (take(sim.faults, 'cutAfter')) return undefined
        if (take(sim.faults, 'answer596')) throw new PveError(596, 'Connection timed out')
      }
      answer = success(data)
    } catch (error) {
      answer = refusal(error)
      if (answer.status === 401) await sim.clock.sleep(UNAUTHORIZED_MS)
    }
    return { answer, verb, path }
  }

  const server = createServer(
    { key: certificate.key, cert: certificate.cert, keepAlive: true, noDelay: true },
    (request, response) => {
      respond(request).then(
        (result) => {
          if (!result || request.socket.destroyed) return void request.socket.destroy()
          sim.journal.add({
            kind: 'answer',
            verb: result.verb,
            path: result.path,
            status: result.answer.status,
          })
          send(request, response, result.answer)
        },
        // The client went away while its body was read.
        () => request.socket.destroy(),
      )
    },
  )
  server.keepAliveTimeout = IDLE_MS
  server.keepAliveTimeoutBuffer = 0
  server.on('secureConnection', () => {
    sim.journal.counts.connections += 1
  })
  // A client that trusts another certificate hangs up in the handshake: that is its right.
  server.on('tlsClientError', () => {})

  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const listen = (wanted: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(wanted, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      if (!server.listening) return resolve()
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  await listen(port)
  const actual = (server.address() as AddressInfo).port
  return {
    node,
    port: actual,
    setCertificate: (next) => server.setSecureContext({ key: next.key, cert: next.cert }),
    setUp: (up) => (up === server.listening ? Promise.resolve() : up ? listen(actual) : close()),
    close,
  }
}
