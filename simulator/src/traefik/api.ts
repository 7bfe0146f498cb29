/** Traefik's API: it answers GET, by pages, with what is loaded now. */
import { Hono } from 'hono'
import {
  entryPoints,
  type MiddlewareInfo,
  type RouterInfo,
  type Runtime,
  type ServiceInfo,
} from './runtime.ts'

const PER_PAGE = 100
export const version = '3.3.4'

/** Priorities of Traefik's own routers do not fit into a number here, and go into the text as they are. */
const PRIORITY = /"priority":"(\d+)"/g
const textOf = (content: unknown): string =>
  `${JSON.stringify(content).replaceAll(PRIORITY, '"priority":$1')}\n`

const routerView = (router: RouterInfo): object => ({
  entryPoints: router.entryPoints,
  ...(router.middlewares.length > 0 && { middlewares: router.middlewares }),
  service: router.service,
  rule: router.rule,
  priority: router.priority,
  ...(router.tls && { tls: router.tls }),
  ...(router.errors.length > 0 && { error: router.errors }),
  status: router.status,
  using: router.using,
  name: router.name,
  provider: router.provider,
})

const serviceView = (service: ServiceInfo): object => ({
  ...(!service.internal && {
    loadBalancer: {
      servers: service.servers.map((url) => ({ url })),
      strategy: 'wrr',
      passHostHeader: service.passHostHeader,
      responseForwarding: { flushInterval: '100ms' },
    },
  }),
  status: 'enabled',
  ...(service.usedBy.length > 0 && { usedBy: service.usedBy }),
  // Without a health check of its own it takes every server for up.
  ...(service.servers.length > 0 && {
    serverStatus: Object.fromEntries(service.servers.map((url) => [url, 'UP'])),
  }),
  name: service.name,
  provider: service.provider,
  ...(!service.internal && { type: 'loadbalancer' }),
})

const middlewareView = (middleware: MiddlewareInfo): object => ({
  ...middleware.content,
  status: 'enabled',
  ...(middleware.usedBy.length > 0 && { usedBy: middleware.usedBy }),
  name: middleware.name,
  provider: middleware.provider,
  type: (Object.keys(middleware.content)[0] ?? '').toLowerCase(),
})

const entryPointView = ({ name, address }: (typeof entryPoints)[number]): object => ({
  address,
  transport: {
    lifeCycle: { graceTimeOut: '10s' },
    respondingTimeouts: { readTimeout: '1m0s', idleTimeout: '3m0s' },
  },
  forwardedHeaders: {},
  http: {},
  http2: { maxConcurrentStreams: 250 },
  udp: { timeout: '3s' },
  name,
})

const counts = (rows: readonly { readonly status: string }[]): object => ({
  total: rows.length,
  warnings: rows.filter(({ status }) => status === 'warning').length,
  errors: rows.filter(({ status }) => status === 'disabled').length,
})
const none = { routers: counts([]), services: counts([]) }

/** @param asked told of every call */
export function apiOf(
  runtime: () => Runtime,
  providers: readonly string[],
  asked: (path: string) => void,
): Hono {
  const api = new Hono()
  const json = (content: unknown, headers: Record<string, string> = {}, status = 200): Response =>
    new Response(textOf(content), { status, headers: { 'content-type': 'application/json', ...headers } })

  function page(url: string, rows: readonly object[]): Response {
    const query = new URL(url).searchParams
    const [number, size] = [query.get('page') ?? '1', query.get('per_page') ?? String(PER_PAGE)]
    const wrong = (text: string) => json({ message: text }, {}, 400)
    for (const [name, text] of [['page', number] as const, ['per_page', size] as const])
      if (!/^[1-9]\d*$/.test(text)) return wrong(`invalid request: ${name}: ${text}`)
    const start = (Number(number) - 1) * Number(size)
    if (start !== 0 && start >= rows.length)
      return wrong(`invalid request: page: ${number}, per_page: ${size}`)
    const end = start + Number(size)
    return json(rows.slice(start, end), {
      'x-next-page': end >= rows.length ? '1' : String(Number(number) + 1),
    })
  }

  api.use('/api/*', async (context, next) => {
    asked(context.req.path)
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD')
      return new Response(null, { status: 405 })
    return await next()
  })
  const list = <T extends { readonly name: string }>(
    path: string,
    kind: string,
    rows: () => readonly T[],
    view: (row: T) => object,
  ): void => {
    const sorted = () => rows().toSorted((a, b) => (a.name < b.name ? -1 : 1))
    api.get(`/api/${path}`, ({ req }) => page(req.url, sorted().map(view)))
    api.get(`/api/${path}/:id`, ({ req }) => {
      const id = req.param('id')
      const row = rows().find(({ name }) => name === id)
      return row === undefined ? json({ message: `${kind} not found: ${id}` }, {}, 404) : json(view(row))
    })
  }
  list('http/routers', 'router', () => runtime().routers, routerView)
  list('http/services', 'service', () => runtime().services, serviceView)
  list('http/middlewares', 'middleware', () => runtime().middlewares, middlewareView)
  list('entrypoints', 'entryPoint', () => entryPoints, entryPointView)
  api.get('/api/version', () =>
    json({ Version: version, Codename: 'saintnectaire', startDate: '2026-10-15T06:12:44.203Z' }),
  )
  api.get('/api/overview', () => {
    const { routers, services, middlewares } = runtime()
    const enabled = (rows: readonly unknown[]) => counts(rows.map(() => ({ status: 'enabled' })))
    return json({
      http: { routers: counts(routers), services: enabled(services), middlewares: enabled(middlewares) },
      tcp: { ...none, middlewares: counts([]) },
      udp: none,
      features: { tracing: '', metrics: '', accessLog: false },
      providers,
    })
  })
  api.get('/ping', () => new Response('OK'))
  api.notFound(
    () =>
      new Response('404 page not found\n', {
        status: 404,
        headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
      }),
  )
  return api
}
