import { z } from 'zod'
import type { Traefik } from '../../traefik/types.ts'
import { backendsOf } from '../../tunnel/find-route.ts'

/** A router of Traefik as an operation returns it. */
export const RouteRow = z.object({
  /** `homelab-jellyfin@file` */
  name: z.string(),
  provider: z.string(),
  rule: z.string(),
  hostnames: z.array(z.string()),
  status: z.enum(['enabled', 'disabled', 'warning']),
  errors: z.array(z.string()),
  entryPoints: z.array(z.string()),
  middlewares: z.array(z.string()),
  service: z.string(),
  servers: z.array(z.string()),
  /** `up` proves nothing where Traefik has no health check of its own for the service; absent: it does not say. */
  health: z.array(z.object({ url: z.string(), status: z.enum(['up', 'down']).optional() })),
  tls: z.boolean(),
  /** Made from here. */
  ours: z.boolean(),
})
export type RouteRow = z.infer<typeof RouteRow>

export async function routeRows(traefik: Traefik, signal: AbortSignal): Promise<RouteRow[]> {
  const [routers, services] = await Promise.all([traefik.routers(signal), traefik.services(signal)])
  return routers.map((router) => {
    const backends = backendsOf(router, services)
    return {
      ...router,
      hostnames: [...router.hostnames],
      errors: [...router.errors],
      entryPoints: [...router.entryPoints],
      middlewares: [...router.middlewares],
      servers: backends.map(({ url }) => url),
      health: backends.map(({ url, status }) => ({
        url,
        ...(status === undefined ? {} : { status: status === 'UP' ? ('up' as const) : ('down' as const) }),
      })),
      ours: router.name.startsWith('homelab-'),
    }
  })
}

/** `2 of 3 servers down`; undefined while Traefik calls none so. */
export function downText({ health }: Pick<RouteRow, 'health'>): string | undefined {
  const down = health.filter(({ status }) => status === 'down').length
  if (down === 0) return undefined
  return health.length === 1 ? 'its server is down' : `${down} of ${health.length} servers down`
}
