/** The entry point `web`: each request goes to the backend of the router that fits best. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { RouterInfo, Runtime, ServiceInfo } from './runtime.ts'

/** Where the lab's own addresses really are: `192.168.1.111:8096` → a port of the loopback. */
export type Network = (host: string, port: number) => { readonly host: string; readonly port: number }

/** Headers of one connection alone. */
const hops = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']

function plain(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return void response.destroy()
  response
    .writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' })
    .end(text)
}

function routerFor({ routers }: Runtime, request: IncomingMessage): RouterInfo | undefined {
  const asked = {
    host: (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase(),
    path: (request.url ?? '/').split('?')[0] ?? '/',
    method: request.method ?? 'GET',
    header: (name: string) => {
      const value = request.headers[name.toLowerCase()]
      return Array.isArray(value) ? value.join(', ') : value
    },
  }
  return routers
    .filter(({ matches, using, tls }) => matches?.(asked) && using.includes('web') && tls === undefined)
    .toSorted((a, b) => Number(b.priority) - Number(a.priority) || (a.name < b.name ? -1 : 1))[0]
}

/** Middlewares are in the configuration only: nothing is rewritten, and nobody has to log in. */
export function serveWeb(
  runtime: () => Runtime,
  network: Network,
): (request: IncomingMessage, response: ServerResponse) => void {
  let turn = 0
  return (request, response) => {
    const router = routerFor(runtime(), request)
    if (router === undefined) return plain(response, 404, '404 page not found\n')
    const wanted = router.service.includes('@') ? router.service : `${router.service}@${router.provider}`
    const service = runtime().services.find(({ name }) => name === wanted)
    const servers = service?.servers ?? []
    turn += 1
    const server = servers[turn % Math.max(1, servers.length)]
    // A load balancer without a server.
    if (service === undefined || server === undefined || !URL.canParse(server))
      return plain(response, 503, 'no available server\n')
    pass(request, response, new URL(server), service, network)
  }
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  server: URL,
  service: ServiceInfo,
  network: Network,
): void {
  const secure = server.protocol === 'https:'
  const at = network(server.hostname, Number(server.port) || (secure ? 443 : 80))
  const { host = '' } = request.headers
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !hops.includes(name)))
  const forwarded = (secure ? httpsRequest : httpRequest)({
    ...at,
    method: request.method,
    path: request.url,
    headers: {
      ...headers,
      host: service.passHostHeader ? host : server.host,
      'x-forwarded-for': request.socket.remoteAddress ?? '',
      'x-forwarded-host': host,
      'x-forwarded-port': '80',
      'x-forwarded-proto': 'http',
      'x-forwarded-server': 'traefik',
      'x-real-ip': request.socket.remoteAddress ?? '',
    },
    ...(secure && { rejectUnauthorized: !service.insecure, servername: server.hostname }),
    agent: false,
  })
  forwarded.on('response', (answer) => {
    const passed = Object.entries(answer.headers).filter(([name]) => !hops.includes(name))
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(passed))
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  forwarded.on('error', (error: NodeJS.ErrnoException) => {
    // A certificate that it does not trust is its own mistake, in its eyes; everything else is the backend's.
    const distrust = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(error.code ?? '')
    if (distrust) plain(response, 500, 'Internal Server Error')
    else plain(response, 502, 'Bad Gateway')
  })
  response.on('close', () => forwarded.destroy())
  request.pipe(forwarded)
}
