/** Peers for core's own tests: a scripted Proxmox-like https server and a clock that runs ahead. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { generate } from 'selfsigned'
import type { Clock } from '../ports.ts'

export interface Call {
  readonly method: string
  /** Decoded, without /api2/json and query. */
  readonly path: string
  readonly query: URLSearchParams
  /** As it came, still encoded. */
  readonly body: string
  readonly form: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** 1 for the first connection to this server. */
  readonly connection: number
}

export interface Reply {
  readonly status?: number
  /** The status line's text. */
  readonly reason?: string
  readonly data?: unknown
  /** Instead of `{data}`. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** `cut` closes the connection without an answer; `hang` never answers. */
export type Script = (call: Call) => Reply | 'cut' | 'hang' | Promise<Reply>

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string
  readonly certificate: string
  readonly calls: readonly Call[]
  readonly connections: number
  script: Script
}

// EC, because an RSA key takes up to a second.
const identity = generate([{ name: 'commonName', value: 'pve' }], {
  keyType: 'ec',
  extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
})

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

function answer(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status ?? 200, reply.reason ?? 'OK', {
    'content-type': 'application/json',
    ...reply.headers,
  })
  response.end(reply.body ?? JSON.stringify({ data: reply.data ?? null }))
}

export async function startServer(script: Script): Promise<ScriptedServer> {
  const { private: key, cert } = await identity
  const calls: Call[] = []
  const numbers = new WeakMap<object, number>()
  let connections = 0
  const state = { script }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    const url = new URL(request.url ?? '/', 'https://server')
    const call: Call = {
      method: request.method ?? '',
      path: decodeURIComponent(url.pathname.replace(/^\/api2\/json/, '')),
      query: url.searchParams,
      body,
      form: new URLSearchParams(body),
      headers: request.headers,
      connection: numbers.get(request.socket) ?? 0,
    }
    calls.push(call)
    const reply = await state.script(call)
    if (reply === 'cut') request.socket.destroy()
    else if (reply !== 'hang') answer(response, reply)
  }

  const server = createServer({ key, cert }, (request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  server.on('secureConnection', (socket) => {
    connections += 1
    numbers.set(socket, connections)
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate: cert,
    calls,
    get connections() {
      return connections
    },
    get script() {
      return state.script
    },
    set script(next: Script) {
      state.script = next
    },
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      await closed.promise
    },
  }
}

export interface FastClock extends Clock {
  /** What was slept, in ms, in order. */
  readonly slept: readonly number[]
  advance(ms: number): void
}

/** Sleeping takes no time and puts the clock forward; sockets get their turn. */
export function fastClock(start = new Date()): FastClock {
  const slept: number[] = []
  let passed = 0
  return {
    slept,
    now: () => new Date(start.getTime() + passed),
    monotonic: () => passed,
    advance(ms) {
      passed += ms
    },
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      slept.push(ms)
      passed += ms
      await turn()
      signal?.throwIfAborted()
    },
  }
}
