/** The Http port on undici: HTTP/1.1, few kept connections, and a certificate check that can be a pin. */
import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { TransportError } from '../errors.ts'
import type { Http, HttpRequest, HttpResponse } from '../ports.ts'

export interface HttpOptions {
  /** PEM of the authority to trust, instead of the public ones. Proxmox: /etc/pve/pve-root-ca.pem. */
  readonly ca?: string
  /**
   * SHA-256 of the certificate, with or without colons, any case. Replaces the check of the authority and
   * of the name; several when an address may be answered by several nodes.
   */
  readonly fingerprint?: string | readonly string[]
  /** PEM of a client certificate and its key, for servers that know callers by one. */
  readonly client?: { readonly cert: string; readonly key: string }
  /** Name that the certificate has to be for, where it is not the one in the address. */
  readonly servername?: string
  /** No check at all. Only for requests that carry no secret, such as health checks. */
  readonly anyCertificate?: boolean
  /** Connections kept for each origin. Default 6. */
  readonly connections?: number
  /** Milliseconds to connect and shake hands. Default 5 000. */
  readonly connectTimeoutMs?: number
  /** Milliseconds for which an idle connection is kept. Default 4 000: pveproxy closes after 5 s. */
  readonly keepAliveMs?: number
}

const defaults = { timeoutMs: 30_000, maxBytes: 32 * 1024 * 1024 }

const plainFingerprint = (text: string): string => text.replace(/[^0-9a-f]/gi, '').toUpperCase()

const shownFingerprint = (plain: string): string => (plain.match(/../g) ?? []).join(':')

/** Checked on each new connection, when TLS stands and before a byte of a request is written. */
function checkCertificate(
  socket: TLSSocket,
  host: string,
  pins: readonly string[],
): TransportError | undefined {
  const seen = createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex').toUpperCase()
  const shown = shownFingerprint(seen)
  if (pins.includes(seen)) return undefined
  if (pins.length > 0) {
    const expected = pins.map(shownFingerprint)
    return new TransportError(
      `THE CERTIFICATE OF ${host} HAS CHANGED. Expected ${expected.join(' or ')}, seen ${shown}. Nothing was sent.`,
      false,
      {
        code: 'untrusted',
        hint:
          `If it was renewed on purpose, set the fingerprint in homelab.yaml to ${shown}. ` +
          'If not, somebody may be between you and the server.',
        data: { host, expected, seen: shown },
      },
    )
  }
  if (socket.authorized) return undefined
  const reason = String(socket.authorizationError ?? 'unknown reason')
  return new TransportError(
    `The certificate of ${host} cannot be verified (${reason}). Nothing was sent.`,
    false,
    {
      code: 'untrusted',
      hint:
        `Compare with the server's own certificate, then pin it in homelab.yaml: fingerprint: ${shown} ` +
        '(or give the CA that signed it).',
      data: { host, reason, seen: shown },
    },
  )
}

/** Counts connections per origin, which tells whether a failed request went over a kept one. */
function trustedConnector(options: HttpOptions, connects: Map<string, number>): buildConnector.connector {
  const pins = [options.fingerprint ?? []].flat().map(plainFingerprint)
  const connect = buildConnector({
    allowH2: false,
    timeout: options.connectTimeoutMs ?? 5_000,
    // checkCertificate decides, because only then the seen fingerprint can be named in the error.
    rejectUnauthorized: false,
    // A resumed session shows no certificate to compare.
    maxCachedSessions: 0,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
    ...options.client,
  })
  return (target, callback) => {
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      if (target.protocol === 'https:' && options.anyCertificate !== true) {
        const distrust = checkCertificate(socket as TLSSocket, target.host ?? target.hostname, pins)
        if (distrust !== undefined) {
          socket.destroy()
          return callback(distrust, null)
        }
      }
      const origin = `${target.protocol}//${target.host ?? target.hostname}`
      connects.set(origin, (connects.get(origin) ?? 0) + 1)
      callback(null, socket)
    })
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name could not be looked up',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'it cut the connection',
  EPIPE: 'it cut the connection',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to its network',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_SOCKET: 'it cut the connection',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port',
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

function transportError(error: unknown, origin: string, sent: boolean): TransportError {
  if (error instanceof TransportError) return error
  const code = codeOf(error)
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error))
  return new TransportError(
    sent ? `${origin} gave no complete answer: ${reason}` : `Cannot connect to ${origin}: ${reason}`,
    sent,
    {
      ...(code === 'UND_ERR_CONNECT_TIMEOUT' ? { code: 'timeout' } : {}),
      data: { origin, reason: code === '' ? reason : code },
      cause: error,
    },
  )
}

/** One request on the agent. The handler interface is used because it says when the first byte is written. */
function dispatch(agent: Agent, request: HttpRequest): Promise<HttpResponse> {
  const url = new URL(request.url)
  const timeoutMs = request.timeoutMs ?? defaults.timeoutMs
  const maxBytes = request.maxBytes ?? defaults.maxBytes
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>()
  let sent = false
  let ended = false
  let controller: Dispatcher.DispatchController | undefined
  let head: Omit<HttpResponse, 'body'> | undefined
  const chunks: Buffer[] = []
  let size = 0

  const end = (settle: () => void): void => {
    if (ended) return
    ended = true
    clearTimeout(timer)
    request.signal?.removeEventListener('abort', onAbort)
    settle()
  }
  const fail = (error: TransportError): void =>
    end(() => {
      reject(error)
      controller?.abort(error)
    })
  const onAbort = (): void => {
    const reason: unknown = request.signal?.reason
    const why = reason instanceof Error ? reason.message : 'cancelled'
    fail(
      new TransportError(`The request to ${url.origin} was given up: ${why}`, sent, {
        code: 'cancelled',
        cause: reason,
      }),
    )
  }
  const timer = setTimeout(() => {
    const text = `${url.origin} did not answer within ${timeoutMs / 1000} s`
    fail(new TransportError(text, sent, { code: 'timeout', data: { origin: url.origin, timeoutMs } }))
  }, timeoutMs)
  if (request.signal?.aborted) onAbort()
  request.signal?.addEventListener('abort', onAbort, { once: true })
  if (ended) return promise

  const what: Dispatcher.DispatchOptions = {
    origin: url.origin,
    path: url.pathname + url.search,
    method: request.method,
    headers: { ...request.headers },
    body: request.body ?? null,
    // One timer above covers connecting, waiting for a free connection and the whole answer.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started
      if (ended) started.abort(new Error('given up before it was sent'))
      else sent = true
    },
    onResponseStart(_, status, headers, statusText) {
      const flat = Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')])
      head = { status, statusText: statusText ?? '', headers: Object.fromEntries(flat) }
    },
    onResponseData(_, chunk) {
      size += chunk.length
      if (size <= maxBytes) {
        chunks.push(chunk)
        return
      }
      const text = `The answer of ${url.origin} is larger than ${maxBytes} bytes`
      fail(new TransportError(text, true, { code: 'failed', data: { origin: url.origin, maxBytes } }))
    },
    onResponseEnd() {
      end(() => {
        if (head === undefined) reject(transportError(new Error('no headers'), url.origin, true))
        else resolve({ ...head, body: Buffer.concat(chunks).toString('utf8') })
      })
    },
    onResponseError(_, error) {
      end(() => reject(transportError(error, url.origin, sent)))
    },
  }
  try {
    agent.dispatch(what, handler)
  } catch (error) {
    // Without an end, the timer would reject a promise that nobody has.
    end(() => reject(error))
  }
  return promise
}

const cutCodes = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** `close` cuts what is still under way. Redirects are not followed. */
export function createHttp(options: HttpOptions = {}): Http & { close(): Promise<void> } {
  const connects = new Map<string, number>()
  const keepAlive = options.keepAliveMs ?? 4_000
  const agent = new Agent({
    connections: options.connections ?? 6,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: keepAlive,
    keepAliveMaxTimeout: keepAlive,
    connect: trustedConnector(options, connects),
  })
  return {
    async request(request) {
      const { origin } = new URL(request.url)
      const before = connects.get(origin) ?? 0
      try {
        return await dispatch(agent, request)
      } catch (error) {
        const kept = before > 0 && connects.get(origin) === before
        const cut = error instanceof TransportError && error.sent && cutCodes.has(codeOf(error.cause))
        // The server had closed an idle connection at the moment we used it.
        if (request.method === 'GET' && kept && cut) return dispatch(agent, request)
        throw error
      }
    },
    close: () => agent.destroy(),
  }
}
