/** One route as a file of Traefik's, and back. Facts: the dynamic configuration of Traefik 3. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import { readYaml } from '../inventory/yaml.ts'
import { checkRoute, hostRule } from './names.ts'
import { hostnamesOf } from './rule.ts'
import type { TraefikRoute } from './types.ts'

const MARK = '# Made by homelab'

/** Whether homelab made the file: what is not ours is never changed. */
export const isOurs = (text: string): boolean => text.startsWith(MARK)

const list = (key: string, values: readonly string[]): string =>
  values.length === 0
    ? ''
    : `      ${key}:\n${values.map((value) => `        - ${JSON.stringify(value)}\n`).join('')}`

/**
 * Every text is in quotes, and there is no empty map: Traefik refuses `middlewares: {}`, and with it the whole directory.
 * @throws HomelabError `usage` for what cannot be written
 */
export function renderRoute(route: TraefikRoute): string {
  checkRoute(route)
  const { name, rule, hostname, service, entryPoints, middlewares, insecureBackend = false } = route
  const text = `${MARK}, which overwrites what is changed here. Takes it away: homelab tunnel unexpose ${hostname}
http:
  routers:
    ${name}:
      rule: ${JSON.stringify(rule)}
      service: ${name}
${list('entryPoints', entryPoints)}${list('middlewares', middlewares)}  services:
    ${name}:
      loadBalancer:
        servers:
          - url: ${JSON.stringify(service)}
${
  insecureBackend
    ? `        serversTransport: ${name}
  serversTransports:
    ${name}:
      insecureSkipVerify: true
`
    : ''
}`
  // What is read back must be what was meant, whatever the values are.
  const back = parseRoute(text)
  if (back === undefined || !sameRoute(back, route))
    throw new HomelabError('bug', `The route ${name} does not come back from its file as it was written.`)
  return text
}

const texts = z.array(z.string()).optional()
const FileBody = z.strictObject({
  http: z.strictObject({
    routers: z.record(
      z.string(),
      z.strictObject({ rule: z.string(), service: z.string(), entryPoints: texts, middlewares: texts }),
    ),
    services: z.record(
      z.string(),
      z.strictObject({
        loadBalancer: z.strictObject({
          servers: z.tuple([z.strictObject({ url: z.string() })]),
          serversTransport: z.string().optional(),
        }),
      }),
    ),
    serversTransports: z
      .record(z.string(), z.strictObject({ insecureSkipVerify: z.literal(true) }))
      .optional(),
  }),
})

/** The route of a file that holds one of this form and nothing else, whoever wrote it. */
export function parseRoute(text: string): TraefikRoute | undefined {
  const { value, problems } = readYaml(text)
  return problems.length === 0 ? routeIn(value) : undefined
}

/** @param value what the YAML of the file says */
export function routeIn(value: unknown): TraefikRoute | undefined {
  const parsed = FileBody.safeParse(value)
  if (!parsed.success) return undefined
  const { routers, services, serversTransports = {} } = parsed.data.http
  const [[name, router] = [], ...otherRouters] = Object.entries(routers)
  const [[serviceName, service] = [], ...otherServices] = Object.entries(services)
  const transports = Object.keys(serversTransports)
  if (name === undefined || router === undefined || service === undefined) return undefined
  const { servers, serversTransport } = service.loadBalancer
  const [hostname, ...otherHosts] = hostnamesOf(router.rule)
  const single = otherRouters.length + otherServices.length + otherHosts.length === 0
  if (!single || hostname === undefined || router.rule !== hostRule(hostname)) return undefined
  if (router.service !== serviceName || transports.length > 1 || serversTransport !== transports[0])
    return undefined
  return {
    name,
    rule: router.rule,
    hostname,
    service: servers[0].url,
    entryPoints: router.entryPoints ?? [],
    middlewares: router.middlewares ?? [],
    ...(transports.length === 1 ? { insecureBackend: true } : {}),
  }
}

/** Whether or not a slash ends it. */
const address = (text: string): string => (URL.canParse(text) ? new URL(text).href : text)

const canonical = (route: TraefikRoute): string =>
  JSON.stringify([
    route.name,
    route.rule,
    route.hostname,
    address(route.service),
    route.entryPoints,
    route.middlewares,
    route.insecureBackend ?? false,
  ])

export const sameRoute = (a: TraefikRoute, b: TraefikRoute): boolean => canonical(a) === canonical(b)
