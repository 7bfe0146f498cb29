/** The transport: endpoints with fail-over, credentials, limits; reads are retried, changes are not. */
import { HomelabError, TransportError } from '../errors.ts'
import type { Clock, Http, HttpResponse } from '../ports.ts'
import type { Auth } from './auth.ts'
import { type CallFacts, errorOf, isGatewayError, unclearError } from './errors.ts'
import { createLimiter } from './limit.ts'
import { encodeParams, type Params, pathFacts } from './path.ts'

export interface Timeouts {
  /** Milliseconds for a read. Default 30 000: pveproxy itself gives up on a node after 30 s. */
  readonly read: number
  /** Milliseconds for a change. Default 60 000: waiting for a guest's lock takes up to 10 s of it. */
  readonly change: number
  /** Milliseconds for a storage's status. Default 10 000: a dead NFS server answers never. */
  readonly storage: number
  /** Milliseconds after which a failed read is not tried again. Default 10 000. */
  readonly retryWithin: number
}

export type ClientLog = (message: string, facts: Readonly<Record<string, unknown>>) => void

export interface ClientOptions {
  readonly http: Http
  readonly clock: Clock
  readonly auth: Auth
  readonly endpoints: readonly string[]
  /** Calls at once for each node. */
  readonly maxConcurrent: number
  readonly timeouts: Timeouts
  readonly log: ClientLog
  readonly random: () => number
}

export interface ReadOptions {
  readonly query?: Params
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number
  /** Calls of one lane share a limit of their own instead of the node's. */
  readonly lane?: { readonly lane: string; readonly max: number }
  /** Further tries after the first. Default 3. */
  readonly retries?: number
}

interface Answer {
  readonly data: unknown
  /** What to add to our clock to get the server's, in ms; 0 when its answer had no date. Up to 1 s low. */
  readonly clockOffset: number
}

export interface Client {
  readonly auth: Auth
  get(path: string, options?: ReadOptions): Promise<Answer>
  /** Never sent twice. @throws HomelabError `unclear` when it may have happened */
  send(method: 'POST' | 'PUT' | 'DELETE', path: string, form?: Params): Promise<Answer>
}

/** `pve` → `https://pve:8006`; a URL stays as it is, without a path. */
function parseEndpoint(text: string): string {
  const url = text.includes('://') ? text : `https://${/:\d+$/.test(text) ? text : `${text}:8006`}`
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new HomelabError('config', `"${text}" is not an address of a Proxmox node`, {
      hint: 'It has the form https://pve:8006.',
    })
  }
  return new URL(url).origin
}

interface Attempt {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly params: Params
  readonly timeoutMs: number
  readonly lane: { readonly lane: string; readonly max: number }
  readonly signal?: AbortSignal | undefined
}

export function createClient(options: ClientOptions): Client {
  const { http, clock, auth, timeouts, log, random } = options
  const endpoints = options.endpoints.map(parseEndpoint)
  if (endpoints.length === 0) throw new HomelabError('config', 'No address of a Proxmox node is given')
  const limiter = createLimiter()
  let working = 0

  const factsOf = (method: string, path: string): CallFacts => ({ method, path, auth })
  const laneOf = (path: string) => ({ lane: pathFacts(path).node ?? '', max: options.maxConcurrent })

  function transmit(
    endpoint: string,
    attempt: Attempt,
    credentials: Readonly<Record<string, string>>,
  ): Promise<HttpResponse> {
    const params = encodeParams(attempt.params)
    // A body on GET or DELETE is a 501.
    const inQuery = attempt.method === 'GET' || attempt.method === 'DELETE'
    const work = (): Promise<HttpResponse> =>
      http.request({
        method: attempt.method,
        url: `${endpoint}/api2/json${attempt.path}${inQuery && params !== '' ? `?${params}` : ''}`,
        headers: {
          accept: 'application/json',
          ...credentials,
          ...(inQuery ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(inQuery ? {} : { body: params }),
        timeoutMs: attempt.timeoutMs,
        ...(attempt.signal === undefined ? {} : { signal: attempt.signal }),
      })
    return limiter.run({ ...attempt.lane, signal: attempt.signal }, work)
  }

  async function login(endpoint: string, form: Params): Promise<unknown> {
    const path = '/access/ticket'
    const attempt: Attempt = {
      method: 'POST',
      path,
      params: form,
      timeoutMs: timeouts.read,
      lane: laneOf(path),
    }
    const response = await transmit(endpoint, attempt, {})
    if (isGatewayError(response.status)) {
      throw new TransportError(`${endpoint} cannot log in: ${response.status} ${response.statusText}`, false)
    }
    return answerOf(response, factsOf('POST', path)).data
  }

  async function exchange(endpoint: string, attempt: Attempt): Promise<HttpResponse> {
    const headers = () => auth.headers(attempt.method !== 'GET', (form) => login(endpoint, form))
    const used = await headers()
    const response = await transmit(endpoint, attempt, used)
    // Credentials are checked before anything is done, so this is no replay of a change.
    if (response.status !== 401 || !(await auth.renew(used))) return response
    return transmit(endpoint, attempt, await headers())
  }

  function answerOf(response: HttpResponse, facts: CallFacts): Answer {
    if (response.status < 200 || response.status > 299) throw errorOf(response, facts)
    let body: unknown
    try {
      body = JSON.parse(response.body)
    } catch (cause) {
      if (facts.method !== 'GET') throw unclearError(facts, 'the answer is not JSON', cause)
      body = undefined
    }
    if (typeof body !== 'object' || body === null || !('data' in body)) {
      throw new HomelabError('failed', `What answers ${facts.path} is not a Proxmox API`, {
        hint: 'Give the address of the API itself, for example https://pve:8006.',
        data: { status: response.status, start: response.body.slice(0, 200) },
      })
    }
    const date = Date.parse(response.headers.date ?? '')
    return { data: body.data, clockOffset: Number.isNaN(date) ? 0 : date - clock.now().getTime() }
  }

  async function get(path: string, read: ReadOptions = {}): Promise<Answer> {
    const facts = factsOf('GET', path)
    const { signal, retries = 3 } = read
    const attempt: Attempt = {
      method: 'GET',
      path,
      params: read.query ?? {},
      timeoutMs: read.timeoutMs ?? timeouts.read,
      lane: read.lane ?? laneOf(path),
      signal,
    }
    const began = clock.monotonic()
    const first = working
    let waits = 0
    for (let tried = 0; ; tried += 1) {
      signal?.throwIfAborted()
      const index = (first + tried) % endpoints.length
      const endpoint = endpoints[index] ?? ''
      let problem: HomelabError
      try {
        const response = await exchange(endpoint, attempt)
        if (!isGatewayError(response.status)) {
          working = index
          return answerOf(response, facts)
        }
        problem = errorOf(response, facts)
      } catch (error) {
        signal?.throwIfAborted()
        // An untrusted certificate is for a person to judge, not to be passed over by asking another node.
        if (!(error instanceof TransportError) || error.code === 'untrusted') throw error
        problem = error
      }
      log('proxmox read failed', { path, endpoint, tried: tried + 1, error: problem.message })
      const late = clock.monotonic() - began >= timeouts.retryWithin
      const unsent = problem instanceof TransportError && !problem.sent
      if (tried + 1 < endpoints.length && (unsent || !late)) continue
      if (waits >= retries || late) throw problem
      await clock.sleep(250 * 2 ** waits * (0.5 + random()), signal)
      waits += 1
    }
  }

  async function send(method: 'POST' | 'PUT' | 'DELETE', path: string, form: Params = {}): Promise<Answer> {
    const facts = factsOf(method, path)
    const attempt: Attempt = { method, path, params: form, timeoutMs: timeouts.change, lane: laneOf(path) }
    const first = working
    for (let tried = 0; ; tried += 1) {
      const index = (first + tried) % endpoints.length
      const endpoint = endpoints[index] ?? ''
      try {
        const response = await exchange(endpoint, attempt)
        if (!isGatewayError(response.status)) working = index
        return answerOf(response, facts)
      } catch (error) {
        if (!(error instanceof TransportError)) throw error
        if (error.sent) throw unclearError(facts, error.message, error)
        if (error.code === 'untrusted' || tried + 1 >= endpoints.length) throw error
        log('proxmox endpoint does not answer', { endpoint, error: error.message })
      }
    }
  }

  return { auth, get, send }
}
