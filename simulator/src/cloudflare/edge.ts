/**
 * The outside: what a browser on the internet gets. `Host` → DNS → the tunnel that its CNAME names → the tunnel's rule →
 * the origin in the lab. An Access application in front sends to its login.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as ask, createServer } from 'node:http'
import { type Listening, listen } from '../process/listen.ts'
import { isObject, type Json, objects, string } from './json.ts'
import type { Cloud } from './routes.ts'
import { ruleFor } from './tunnel-config.ts'
import type { App, DnsRecord, Tunnel } from './world.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Where something of the lab's network really listens; undefined: nothing does. */
export type Origins = (host: string, port: number) => Address | undefined

const TUNNEL = /^([0-9a-f-]{36})\.cfargotunnel\.com$/

function recordOf({ world }: Cloud, hostname: string): DnsRecord | undefined {
  const records = [...(world.zoneOf(hostname)?.records.values() ?? [])].filter(({ type }) =>
    ['A', 'AAAA', 'CNAME'].includes(type),
  )
  const exact = records.find(({ name }) => name === hostname)
  if (exact !== undefined) return exact
  // A wildcard stands for every name below that has no record of its own.
  const labels = hostname.split('.')
  const parents = labels.map((_, index) => `*.${labels.slice(index + 1).join('.')}`)
  return parents.map((name) => records.find((record) => record.name === name)).find((record) => record)
}

function appOf({ world }: Cloud, hostname: string, path: string): App | undefined {
  const fitting = world.apps.filter(({ body }) => {
    if (string(body.type) !== 'self_hosted') return false
    return [string(body.domain), ...objects(body.destinations).map(({ uri }) => string(uri))].some(
      (domain) => {
        const [host = '', ...rest] = domain.split('/')
        const below = rest.length === 0 || path.startsWith(`/${rest.join('/').replace(/\*$/, '')}`)
        return below && (host === hostname || (host.startsWith('*.') && hostname.endsWith(host.slice(1))))
      },
    )
  })
  // The most precise one counts.
  return fitting.toSorted((a, b) => string(b.body.domain).length - string(a.body.domain).length)[0]
}

/** A session of Access: the cookie `CF_Authorization=simulated-<aud>`. */
const session = (request: IncomingMessage): string | undefined =>
  /(?:^|;\s*)CF_Authorization=simulated-([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1]

const bypassed = (app: App): boolean => objects(app.body.policies)[0]?.decision === 'bypass'

function say(response: ServerResponse, status: number, body: string, headers: Json = {}): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=UTF-8',
    server: 'cloudflare',
    ...headers,
  } as Record<string, string>)
  response.end(body)
}
const failure = (response: ServerResponse, code: number): void => say(response, 530, `error code: ${code}`)

export async function serveEdge(cloud: Cloud, origins: Origins): Promise<Listening & { url: string }> {
  const { world, connectors } = cloud

  function tunnelOf(record: DnsRecord): Tunnel | undefined {
    const id = TUNNEL.exec(record.content)?.[1]
    return id === undefined ? undefined : world.tunnel(id)
  }

  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    rule: Json,
    aud: string | undefined,
  ): void {
    const service = string(rule.service)
    const status = /^http_status:(\d{3})$/.exec(service)?.[1]
    if (status !== undefined) return void say(response, Number(status), '')
    const { originRequest } = rule
    const guard = isObject(originRequest) && isObject(originRequest.access) ? originRequest.access : {}
    // cloudflared itself looks for the token of Access: fail closed.
    const tags = Array.isArray(guard.audTag) ? guard.audTag : []
    if (guard.required === true && !(aud !== undefined && tags.includes(aud)))
      return void say(response, 403, 'Forbidden')
    const url = URL.canParse(service) ? new URL(service) : undefined
    const port = Number(url?.port || (url?.protocol === 'https:' ? 443 : 80))
    const address = url && origins(url.hostname, port)
    if (url === undefined || address === undefined) return void say(response, 502, 'Bad gateway')
    const headers = {
      ...request.headers,
      'cf-connecting-ip': '198.51.100.23',
      'x-forwarded-proto': 'https',
      ...(aud !== undefined && { 'cf-access-jwt-assertion': `simulated-${aud}` }),
    }
    const onward = ask(
      { ...address, path: request.url, method: request.method, headers },
      (answer: IncomingMessage) => {
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, server: 'cloudflare' })
        answer.pipe(response)
      },
    )
    onward.on('error', () => {
      if (response.headersSent) response.destroy()
      else say(response, 502, 'Bad gateway')
    })
    request.pipe(onward)
  }

  const server = createServer((request, response) => {
    const hostname = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    const record = recordOf(cloud, hostname)
    // On the internet a name without a record has no address at all: this is the nearest that a listener can say.
    if (record === undefined || !record.proxied) return failure(response, 1016)
    const app = appOf(cloud, hostname, path)
    const aud = session(request)
    if (app !== undefined && !bypassed(app) && aud !== app.body.aud) {
      const target = `https://${hostname}${request.url ?? '/'}`
      const login = `https://${world.team}.cloudflareaccess.com/cdn-cgi/access/login/${hostname}?kid=${string(app.body.aud)}&redirect_url=${encodeURIComponent(target)}`
      return say(response, 302, '', { location: login })
    }
    if (!TUNNEL.test(record.content)) return failure(response, 1016)
    const tunnel = tunnelOf(record)
    if (tunnel === undefined || connectors.of(tunnel).length === 0) return failure(response, 1033)
    const rule = ruleFor(connectors.configOf(tunnel), hostname, path)
    if (rule === undefined) return say(response, 404, '')
    forward(request, response, rule, aud)
  })
  const listening = await listen(server, 0)
  return { ...listening, url: `http://127.0.0.1:${listening.port}` }
}
