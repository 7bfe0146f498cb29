/** Traefik's API, which only answers questions. Facts: Traefik 3. */
import { z } from 'zod'
import { HomelabError, TransportError } from '../errors.ts'
import type { Http, HttpResponse } from '../ports.ts'
import { hostnamesOf } from './rule.ts'
import type { EntryPointView, MiddlewareView, RouterView, ServiceView } from './types.ts'

const PAGE = 500
/** Ten thousand routers are nobody's. */
const MAX_PAGES = 20
const CALL_MS = 10_000

const text = z.string().catch('')
const names = z.array(z.string()).catch([])
const status = z.enum(['enabled', 'disabled', 'warning']).catch('enabled')
const common = { name: z.string(), provider: text, status, error: names }

const RouterBody = z.object({
  ...common,
  rule: text,
  service: text,
  entryPoints: names,
  middlewares: names,
  tls: z.unknown().optional(),
})
const ServiceBody = z.object({
  ...common,
  loadBalancer: z
    .object({ servers: z.array(z.object({ url: text })).catch([]) })
    .optional()
    .catch(undefined),
  serverStatus: z.record(z.string(), z.string()).catch({}),
})
const MiddlewareBody = z.object({ ...common, type: text })
const EntryPointBody = z.object({ name: z.string(), address: text })
const VersionBody = z.object({ Version: z.string() })

const toRouter = ({ error, tls, ...body }: z.infer<typeof RouterBody>): RouterView => ({
  ...body,
  errors: error,
  tls: tls !== undefined && tls !== null,
  hostnames: hostnamesOf(body.rule),
})

const toService = ({
  error,
  loadBalancer,
  serverStatus,
  ...body
}: z.infer<typeof ServiceBody>): ServiceView => ({
  ...body,
  errors: error,
  servers: (loadBalancer?.servers ?? []).map(({ url }) => {
    const said = serverStatus[url]
    return { url, ...(said === 'UP' || said === 'DOWN' ? { status: said } : {}) }
  }),
})

export interface TraefikApi {
  routers(signal?: AbortSignal): Promise<readonly RouterView[]>
  /** @param name with its provider: `homelab-jellyfin@file`. @returns undefined when Traefik has none */
  router(name: string, signal?: AbortSignal): Promise<RouterView | undefined>
  services(signal?: AbortSignal): Promise<readonly ServiceView[]>
  service(name: string, signal?: AbortSignal): Promise<ServiceView | undefined>
  entryPoints(signal?: AbortSignal): Promise<readonly EntryPointView[]>
  middlewares(signal?: AbortSignal): Promise<readonly MiddlewareView[]>
  version(signal?: AbortSignal): Promise<string>
}

/** @param address of the API without `/api`, read at every use. @throws HomelabError `unreachable`, `config`, `unauthorised` */
export function createApi(http: Http, address: () => string): TraefikApi {
  async function get(path: string, signal?: AbortSignal): Promise<HttpResponse> {
    const base = address().replace(/\/+$/, '')
    try {
      return await http.request({
        method: 'GET',
        url: `${base}/api${path}`,
        headers: { accept: 'application/json' },
        timeoutMs: CALL_MS,
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      if (!(error instanceof TransportError) || error.code === 'cancelled') throw error
      throw new TransportError(`The API of Traefik does not answer: ${error.message}`, error.sent, {
        code: error.code,
        hint: 'Is Traefik running? `guest show traefik` tells. Its address is network.traefik.api of homelab.yaml.',
        cause: error,
      })
    }
  }

  async function one<T extends z.ZodType>(
    path: string,
    schema: T,
    signal?: AbortSignal,
  ): Promise<z.infer<T> | undefined> {
    const response = await get(path, signal)
    // With its own words: the API that is not there has a 404, too.
    if (response.status === 404 && /not found: /.test(response.body)) return undefined
    return read(schema, response, path)
  }

  async function all<T extends z.ZodType>(
    path: string,
    schema: T,
    signal?: AbortSignal,
  ): Promise<z.infer<T>[]> {
    const rows: z.infer<T>[] = []
    let page = 1
    for (let calls = 0; calls < MAX_PAGES; calls += 1) {
      const response = await get(`${path}?page=${page}&per_page=${PAGE}`, signal)
      rows.push(...read(z.array(schema), response, path))
      const next = Number(response.headers['x-next-page'] ?? 1)
      // The last page says 1.
      if (!Number.isInteger(next) || next <= page) return rows
      page = next
    }
    throw new HomelabError('failed', `Traefik has more than ${PAGE * MAX_PAGES} entries under ${path}.`)
  }

  return {
    async routers(signal) {
      return (await all('/http/routers', RouterBody, signal)).map(toRouter)
    },
    async router(name, signal) {
      const body = await one(`/http/routers/${name}`, RouterBody, signal)
      return body === undefined ? undefined : toRouter(body)
    },
    async services(signal) {
      return (await all('/http/services', ServiceBody, signal)).map(toService)
    },
    async service(name, signal) {
      const body = await one(`/http/services/${name}`, ServiceBody, signal)
      return body === undefined ? undefined : toService(body)
    },
    entryPoints: (signal) => all('/entrypoints', EntryPointBody, signal),
    async middlewares(signal) {
      const rows = await all('/http/middlewares', MiddlewareBody, signal)
      return rows.map(({ error, ...body }) => ({ ...body, errors: error }))
    },
    async version(signal) {
      return read(VersionBody, await get('/version', signal), '/version').Version
    },
  }
}

function read<T extends z.ZodType>(schema: T, { status, body }: HttpResponse, path: string): z.infer<T> {
  if (status === 401 || status === 403)
    throw new HomelabError('unauthorised', `The API of Traefik wants a login (${status}).`, {
      hint: 'Give homelab an address of it inside the lab that needs none: network.traefik.api of homelab.yaml.',
      data: { status, path },
    })
  if (status >= 500)
    throw new HomelabError('unreachable', `The API of Traefik cannot answer: ${status}.`, {
      hint: 'Try again in a moment; `logs traefik` may say more.',
      data: { status, path },
    })
  const parsed = status === 200 ? schema.safeParse(json(body)) : undefined
  if (parsed?.success) return parsed.data
  throw new HomelabError('config', `What answers at the address of Traefik is not its API (${status}).`, {
    hint: 'It is on when the static configuration has `api: {insecure: true}`, on port 8080. network.traefik.api of homelab.yaml is that address, without /api.',
    data: { status, path },
  })
}

function json(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
