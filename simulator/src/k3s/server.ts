/**
 * A small API server: TLS by an authority of its own, callers known by a client certificate or a token, and of the API
 * what homelab asks for, answered as Kubernetes 1.34 does. Which answers it gives is in its own description of the API.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Authorities, createAuthorities } from './certificates.ts'
import { type Cluster, createCluster, type Thing } from './cluster.ts'

export interface Faults {
  /** `list pods`, `patch deployments`, `get pods/log`; with ` in media` only there, else wherever. */
  forbidden: readonly string[]
  /** The next N requests are answered never. */
  hang: number
  /** The next N are answered 503. */
  unavailable: number
  /** The next N changes are made, and then the connection is cut. */
  cutAfter: number
  /** The next N changes are cut before anything is done. */
  cutBefore: number
}

export interface K3sServer extends AsyncDisposable {
  readonly url: string
  readonly authorities: Authorities
  readonly cluster: Cluster
  readonly faults: Faults
  /** Whom a token belongs to. */
  readonly tokens: Map<string, string>
  /** `GET /api/v1/nodes`, in order. */
  readonly calls: readonly string[]
  /** Each look at one workload has its controller go on by a step. */
  stepping: boolean
}

class Refused extends Error {
  readonly status: number
  readonly reason: string
  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

const path =
  /^\/(?:api\/v1|apis\/(apps)\/v1)(?:\/namespaces\/([^/]+))?\/(nodes|pods|deployments|statefulsets|daemonsets)(?:\/([^/]+))?(?:\/(log))?$/

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
]

/** @param names those of its certificate besides 127.0.0.1 */
export async function startK3s(names?: readonly string[]): Promise<K3sServer> {
  const authorities = await createAuthorities()
  const cluster = createCluster()
  const faults: Faults = { forbidden: [], hang: 0, unavailable: 0, cutAfter: 0, cutBefore: 0 }
  const tokens = new Map<string, string>()
  const calls: string[] = []
  const self = { stepping: false }

  /** As the real one: a certificate that does not hold makes nobody of who shows it, and not a broken handshake. */
  function userOf(request: IncomingMessage): string {
    const socket = request.socket as TLSSocket
    const subject = socket.authorized ? socket.getPeerCertificate().subject : undefined
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const user = subject?.CN ?? tokens.get(token ?? '')
    if (typeof user === 'string') return user
    throw new Refused(401, 'Unauthorized', 'Unauthorized')
  }

  function permit(user: string, verb: string, resource: string, group: string, namespace?: string): void {
    const forbidden = [
      `${verb} ${resource}`,
      ...(namespace === undefined ? [] : [`${verb} ${resource} in ${namespace}`]),
    ]
    const clusterWide = namespace === undefined && faults.forbidden.includes(`${verb} ${resource} in *`)
    if (!clusterWide && !forbidden.some((each) => faults.forbidden.includes(each))) return
    const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
    throw new Refused(
      403,
      'Forbidden',
      `${resource.split('/')[0]} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`,
    )
  }

  function thingsOf(resource: string): ReadonlyMap<string, Thing> {
    if (resource === 'nodes') return cluster.nodes
    if (resource === 'pods') return cluster.pods
    return cluster.workloads[resource as keyof Cluster['workloads']]
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    const url = new URL(request.url ?? '/', 'https://server')
    calls.push(`${request.method} ${url.pathname}`)
    if (faults.hang > 0) {
      faults.hang -= 1
      return
    }
    if (faults.unavailable > 0) {
      faults.unavailable -= 1
      throw new Refused(503, 'ServiceUnavailable', 'apiserver not ready')
    }
    const user = userOf(request)
    const [, group = '', namespace, resource = '', name, part] = path.exec(url.pathname) ?? []
    if (resource === '')
      throw new Refused(404, 'NotFound', 'the server could not find the requested resource')
    const verb = request.method === 'PATCH' ? 'patch' : name === undefined ? 'list' : 'get'
    permit(user, verb, part === undefined ? resource : `${resource}/${part}`, group, namespace)
    if (verb === 'list')
      return json(response, listOf([...thingsOf(resource).values()], namespace, url.searchParams))
    const thing = thingsOf(resource).get(namespace === undefined ? (name ?? '') : `${namespace}/${name}`)
    if (thing === undefined)
      throw new Refused(
        404,
        'NotFound',
        `${group === '' ? resource : `${resource}.${group}`} "${name}" not found`,
      )
    if (part === 'log') return text(response, logOf(thing, url.searchParams, cluster))
    if (verb === 'patch') {
      if (take('cutBefore')) return void request.socket.destroy()
      patch(thing, body, request.headers['content-type'] ?? '', url.searchParams, cluster)
      if (take('cutAfter')) return void request.socket.destroy()
    } else if (self.stepping && group === 'apps')
      cluster.step(resource as keyof Cluster['workloads'], namespace ?? '', name ?? '')
    json(response, thing)
  }

  function take(fault: 'cutBefore' | 'cutAfter'): boolean {
    if (faults[fault] === 0) return false
    faults[fault] -= 1
    return true
  }

  const identity = await authorities.server(names)
  const server = createServer(
    { ...identity, ca: authorities.clientCa, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        const { status, reason, message } =
          error instanceof Refused ? error : { status: 500, reason: '', message: String(error) }
        json(
          response,
          {
            kind: 'Status',
            apiVersion: 'v1',
            metadata: {},
            status: 'Failure',
            message,
            reason,
            code: status,
          },
          status,
        )
      })
    },
  )
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorities,
    cluster,
    faults,
    tokens,
    calls,
    get stepping() {
      return self.stepping
    },
    set stepping(on) {
      self.stepping = on
    },
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      await closed.promise
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function text(response: ServerResponse, value: string): void {
  response.writeHead(200, { 'content-type': 'text/plain' }).end(value)
}

function listOf(all: readonly Thing[], namespace: string | undefined, query: URLSearchParams) {
  const selector = query.get('labelSelector') ?? ''
  const found = all.filter(
    ({ metadata }) =>
      (namespace === undefined || metadata.namespace === namespace) && fits(metadata.labels ?? {}, selector),
  )
  const from = Number(query.get('continue') ?? 0)
  const limit = Number(query.get('limit') ?? found.length)
  const next = from + limit < found.length ? { continue: String(from + limit) } : {}
  return {
    kind: 'List',
    apiVersion: 'v1',
    metadata: { resourceVersion: '1', ...next },
    items: found.slice(from, from + limit),
  }
}

/** `app=web,tier in (a,b),!old,there` */
function fits(labels: Readonly<Record<string, string>>, selector: string): boolean {
  const terms = selector.match(/[^,(]+(?:\([^)]*\))?/g) ?? []
  return terms.every((term) => {
    const [, key = '', how, list = ''] = /^(\S+) (in|notin) \(([^)]*)\)$/.exec(term.trim()) ?? []
    if (how !== undefined) return list.split(',').includes(labels[key] ?? '') === (how === 'in')
    const [name = '', value] = term.trim().split(/==?/)
    if (value !== undefined) return labels[name] === value
    return name.startsWith('!') ? labels[name.slice(1)] === undefined : labels[name] !== undefined
  })
}

function logOf({ metadata, status }: Thing, query: URLSearchParams, { logs }: Cluster): string {
  const { namespace, name } = metadata
  const container = query.get('container') ?? ''
  const previous = query.get('previous') === 'true'
  const found = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].find(
    (each: { name: string }) => each.name === container,
  )
  if (found === undefined)
    throw new Refused(400, 'BadRequest', `container ${container} is not valid for pod ${name}`)
  const log = logs.get(`${namespace}/${name}/${container}${previous ? '/previous' : ''}`)
  if (previous && log === undefined)
    throw new Refused(
      400,
      'BadRequest',
      `previous terminated container "${container}" in pod "${name}" not found`,
    )
  if (found.state.waiting !== undefined && log === undefined)
    throw new Refused(
      400,
      'BadRequest',
      `container "${container}" in pod "${name}" is waiting to start: ${found.state.waiting.reason}`,
    )
  const lines = (log ?? '').split('\n').filter((line, index, all) => line !== '' || index < all.length - 1)
  const tail = Number(query.get('tailLines') ?? lines.length)
  return tail === 0
    ? ''
    : lines
        .slice(-tail)
        .map((line) => `${line}\n`)
        .join('')
}

function patch(thing: Thing, body: string, type: string, query: URLSearchParams, cluster: Cluster): void {
  if (!patchTypes.includes(type))
    throw new Refused(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`,
    )
  if (type === 'application/json-patch+json' && !body.startsWith('['))
    throw new Refused(
      400,
      'BadRequest',
      'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    )
  const before = JSON.stringify(thing.spec)
  merge(thing as unknown as Record<string, unknown>, JSON.parse(body) as Record<string, unknown>)
  if (JSON.stringify(thing.spec) === before) return
  thing.metadata.managedFields = [{ manager: query.get('fieldManager') ?? 'unknown', operation: 'Update' }]
  cluster.templateChanged(thing)
}

/** What a merge patch and a strategic one have in common: objects are merged, null takes away. */
function merge(into: Record<string, unknown>, from: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(from)) {
    if (value === null) delete into[key]
    else if (typeof value === 'object' && !Array.isArray(value)) {
      const next = (into[key] ?? {}) as Record<string, unknown>
      into[key] = next
      merge(next, value as Record<string, unknown>)
    } else into[key] = value
  }
}
