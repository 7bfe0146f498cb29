/**
 * A Vault as far as the desk asks it: KV version 2 with its versions, tokens whose leases end by a clock that the test
 * turns, AppRole, policies, and what it says when it is sealed, on standby, or has no such thing.
 * Written after the documentation of its HTTP API; neither Vault nor OpenBao has been asked.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** Time that passes only when it is told to, with what is due then. */
export class TurnedClock {
  #now = 0
  readonly #due = new Map<object, { readonly at: number; readonly work: () => void }>()

  monotonic = (): number => this.#now

  after = (ms: number, work: () => void): (() => void) => {
    const key = {}
    this.#due.set(key, { at: this.#now + ms, work })
    return () => void this.#due.delete(key)
  }

  turn(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#due].filter(([, { at }]) => at <= end).toSorted(([, a], [, b]) => a.at - b.at)
      if (next === undefined) break
      this.#due.delete(next[0])
      this.#now = Math.max(this.#now, next[1].at)
      next[1].work()
    }
    this.#now = end
  }
}

interface Version {
  readonly data: Readonly<Record<string, unknown>>
  readonly created: string
  deleted?: string
  destroyed?: boolean
}

interface Token {
  /** Milliseconds; Infinity for one that does not end. */
  endsAt: number
  readonly ttlMs: number
  readonly maxAt: number
  readonly renewable: boolean
  readonly policies: readonly string[]
}

export interface TokenOptions {
  /** Seconds, as everything of Vault. Default: it does not end. */
  readonly ttl?: number
  readonly max?: number
  readonly renewable?: boolean
  readonly policies?: readonly string[]
}

export interface FakeVault extends AsyncDisposable {
  readonly url: string
  readonly clock: TurnedClock
  /** `GET secret/data/homelab`, in the order in which they came. */
  readonly calls: readonly string[]
  readonly namespaces: readonly (string | undefined)[]
  put(path: string, data: Readonly<Record<string, unknown>>): void
  /** Of the newest version. */
  change(path: string, to: 'deleted' | 'destroyed' | 'undeleted'): void
  /** Path → whether it may be read; a path may end in `*`. */
  policy(name: string, paths: readonly string[]): void
  token(options?: TokenOptions): string
  revoke(token: string): void
  /** A role of AppRole whose tokens are like that. */
  role(options: TokenOptions): string
  secretId(options?: { readonly ttl?: number; readonly uses?: number }): string
  /** What it answers instead; undefined: as it should. */
  trouble: 'sealed' | 'standby' | 'lost' | 'busy' | { readonly redirect: string } | undefined
  /** Answers wait for this. */
  hold: Promise<void> | undefined
  /** Resolves when it has been called that often in all with what matches. */
  called(pattern: RegExp, times: number): Promise<void>
}

type Answer = readonly [status: number, body?: unknown]
const refusal = (status: number, ...errors: readonly string[]): Answer => [status, { errors }]
const denied = refusal(403, '1 error occurred:\n\t* permission denied\n\n')
const invalid = refusal(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n')

export async function startVault(
  options: {
    readonly tls?: { readonly key: string; readonly cert: string }
    readonly mounts?: readonly string[]
  } = {},
): Promise<FakeVault> {
  const { mounts = ['secret'] } = options
  const clock = new TurnedClock()
  const secrets = new Map<string, Version[]>()
  const tokens = new Map<string, Token>()
  const policies = new Map<string, readonly string[]>()
  const secretIds = new Map<string, { readonly endsAt: number; uses: number }>()
  const calls: string[] = []
  const namespaces: (string | undefined)[] = []
  const heard = new EventTarget()
  let role: (TokenOptions & { readonly id: string }) | undefined

  const now = clock.monotonic
  const ends = (seconds: number | undefined): number =>
    seconds === undefined ? Infinity : now() + seconds * 1000
  const leaseOf = ({ endsAt }: Token): number =>
    endsAt === Infinity ? 0 : Math.floor((endsAt - now()) / 1000)

  function issue({ ttl, max, renewable = true, policies: given = ['default'] }: TokenOptions): string {
    const token = `hvs.${randomUUID()}`
    tokens.set(token, {
      endsAt: ends(ttl),
      ttlMs: (ttl ?? 0) * 1000,
      maxAt: ends(max),
      renewable,
      policies: given,
    })
    return token
  }

  function authOf(token: string, held: Token): unknown {
    return { auth: { client_token: token, lease_duration: leaseOf(held), renewable: held.renewable } }
  }

  function logIn(body: Readonly<Record<string, string>>): Answer {
    const known = secretIds.get(body.secret_id ?? '')
    if (role === undefined || body.role_id !== role.id || known === undefined || known.endsAt <= now())
      return refusal(400, 'invalid role or secret ID')
    known.uses -= 1
    if (known.uses === 0) secretIds.delete(body.secret_id ?? '')
    const token = issue(role)
    return [200, authOf(token, tokens.get(token) as Token)]
  }

  function renew(token: string, held: Token): Answer {
    if (!held.renewable) return refusal(400, 'lease is not renewable')
    held.endsAt = Math.min(now() + held.ttlMs, held.maxAt)
    return [200, authOf(token, held)]
  }

  function readSecret(path: string): Answer {
    const [mount = ''] = path.split('/')
    if (!mounts.includes(mount)) return refusal(404, `no handler for route "${path}". route entry not found.`)
    const versions = secrets.get(path.replace('/data/', '/')) ?? []
    const last = versions.at(-1)
    if (last === undefined) return [404, { errors: [] }]
    const metadata = {
      created_time: last.created,
      deletion_time: last.deleted ?? '',
      destroyed: last.destroyed ?? false,
      version: versions.length,
    }
    const isGone = last.deleted !== undefined || last.destroyed === true
    return [isGone ? 404 : 200, { data: { data: isGone ? null : last.data, metadata } }]
  }

  const may = ({ policies: names }: Token, path: string): boolean =>
    names.some(
      (name) =>
        name === 'root' ||
        policies
          .get(name)
          ?.some((rule) => (rule.endsWith('*') ? path.startsWith(rule.slice(0, -1)) : rule === path)),
    )

  function answer(method: string, path: string, request: IncomingMessage, body: string): Answer {
    if (path === 'auth/approle/login' && method === 'POST') return logIn(JSON.parse(body))
    const token = String(request.headers['x-vault-token'] ?? '')
    const held = tokens.get(token)
    if (held === undefined || held.endsAt <= now()) return invalid
    if (path === 'auth/token/lookup-self' || path === 'auth/token/renew-self') {
      if (!held.policies.includes('default') && !held.policies.includes('root')) return denied
      if (path.endsWith('renew-self')) return renew(token, held)
      const { ttlMs, renewable } = held
      return [200, { data: { id: token, ttl: leaseOf(held), creation_ttl: ttlMs / 1000, renewable } }]
    }
    if (method !== 'GET') return refusal(405, 'unsupported operation')
    return may(held, path) ? readSecret(path) : denied
  }

  function troubled(path: string): Answer | undefined {
    const { trouble } = self
    if (trouble === 'sealed') return refusal(503, 'Vault is sealed')
    if (trouble === 'standby') return refusal(500, 'local node not active but active cluster node not found')
    if (trouble === 'busy') return refusal(429, `request path "${path}": rate limit quota exceeded`)
    return undefined
  }

  const listener: RequestListener = (request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(Buffer.from(chunk))
      const path = decodeURIComponent((request.url ?? '').replace('/v1/', ''))
      calls.push(`${request.method} ${path}`)
      const namespace = request.headers['x-vault-namespace']
      namespaces.push(namespace === undefined ? undefined : String(namespace))
      heard.dispatchEvent(new Event('call'))
      await self.hold
      if (self.trouble === 'lost') return request.socket.destroy()
      if (typeof self.trouble === 'object')
        return response.writeHead(307, { location: `${self.trouble.redirect}${request.url}` }).end()
      const [status, said] =
        troubled(path) ?? answer(request.method ?? '', path, request, Buffer.concat(chunks).toString('utf8'))
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
    })()
  }
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const newest = (path: string): Version => {
    const version = secrets.get(path)?.at(-1)
    if (version === undefined) throw new Error(`nothing at ${path}`)
    return version
  }
  const self: FakeVault = {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    clock,
    calls,
    namespaces,
    put(path, data) {
      const versions = secrets.get(path) ?? []
      secrets.set(path, [...versions, { data, created: '2026-01-01T10:00:00.123456789Z' }])
    },
    change(path, to) {
      const version = newest(path)
      if (to === 'destroyed') version.destroyed = true
      else if (to === 'deleted') version.deleted = '2026-01-02T10:00:00.123456789Z'
      else delete version.deleted
    },
    policy: (name, paths) => void policies.set(name, paths),
    token: (options = {}) => issue({ policies: ['root'], ...options }),
    revoke: (token) => void tokens.delete(token),
    role(made) {
      role = { policies: ['root'], ...made, id: randomUUID() }
      return role.id
    },
    secretId({ ttl, uses = 0 } = {}) {
      const id = randomUUID()
      secretIds.set(id, { endsAt: ends(ttl), uses })
      return id
    },
    trouble: undefined,
    hold: undefined,
    async called(pattern, times) {
      while (calls.filter((call) => pattern.test(call)).length < times) await once(heard, 'call')
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return self
}
