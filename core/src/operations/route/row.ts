import { z } from 'zod'
import type { Traefik } from '../../traefik/types.ts'
import { serversOf } from '../../tunnel/find-route.ts'

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
  tls: z.boolean(),
  /** Made from here. */
  ours: z.boolean(),
})
export type RouteRow = z.infer<typeof RouteRow>

export async function routeRows(traefik: Traefik, signal: AbortSignal): Promise<RouteRow[]> {
  const [routers, services] = await Promise.all([traefik.routers(signal), traefik.services(signal)])
  return routers.map((router) => ({
    ...router,
    hostnames: [...router.hostnames],
    errors: [...router.errors],
    entryPoints: [...router.entryPoints],
    middlewares: [...router.middlewares],
    servers: [...serversOf(router, services)],
    ours: router.name.startsWith('homelab-'),
  }))
}
