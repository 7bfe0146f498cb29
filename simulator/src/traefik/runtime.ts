/** What Traefik makes of the configurations of its providers: which routers work, and why others do not. */
import type { Dynamic, RouterConfig } from './dynamic.ts'
import { type Matcher, parseRule } from './rules.ts'

export interface EntryPoint {
  readonly name: string
  readonly address: string
}

export const entryPoints: readonly EntryPoint[] = [
  { name: 'traefik', address: ':8080' },
  { name: 'web', address: ':80' },
  { name: 'websecure', address: ':443' },
]
/** Where a router listens that names none: not at the API's. */
const defaults = ['web', 'websecure']

export interface RouterInfo {
  readonly name: string
  readonly provider: string
  readonly entryPoints: readonly string[]
  readonly using: readonly string[]
  readonly middlewares: readonly string[]
  readonly service: string
  readonly rule: string
  /** As JSON has it: those of Traefik's own are greater than a number of JavaScript's. */
  readonly priority: number | string
  readonly tls: object | undefined
  readonly status: 'enabled' | 'disabled' | 'warning'
  readonly errors: readonly string[]
  readonly matches: Matcher | undefined
}

export interface ServiceInfo {
  readonly name: string
  readonly provider: string
  readonly servers: readonly string[]
  readonly passHostHeader: boolean
  readonly insecure: boolean
  readonly usedBy: readonly string[]
  readonly internal: boolean
}

export interface MiddlewareInfo {
  readonly name: string
  readonly provider: string
  readonly content: object
  readonly usedBy: readonly string[]
}

export interface Runtime {
  readonly routers: readonly RouterInfo[]
  readonly services: readonly ServiceInfo[]
  readonly middlewares: readonly MiddlewareInfo[]
}

const qualified = (name: string, provider: string): string =>
  name.includes('@') ? name : `${name}@${provider}`
const providerOf = (name: string): string => name.slice(name.lastIndexOf('@') + 1)

function internalRouter(
  name: string,
  rule: string,
  priority: string,
  middlewares: readonly string[] = [],
): RouterInfo {
  return {
    name: `${name}@internal`,
    provider: 'internal',
    entryPoints: ['traefik'],
    using: ['traefik'],
    middlewares,
    service: `${name}@internal`,
    rule,
    priority,
    tls: undefined,
    status: 'enabled',
    errors: [],
    matches: undefined,
  }
}

const internal: readonly RouterInfo[] = [
  internalRouter('api', 'PathPrefix(`/api`)', '9223372036854775806'),
  internalRouter('dashboard', 'PathPrefix(`/`)', '9223372036854775805', [
    'dashboard_redirect@internal',
    'dashboard_stripprefix@internal',
  ]),
  internalRouter('ping', 'PathPrefix(`/ping`)', '9223372036854775807'),
]

function routerOf(
  name: string,
  provider: string,
  config: RouterConfig,
  has: (kind: 'services' | 'middlewares', qualifiedName: string) => boolean,
): RouterInfo {
  const errors: string[] = []
  let critical = false
  const wrong = (text: string, fatal: boolean) => {
    errors.push(text)
    critical ||= fatal
  }
  const wanted = config.entryPoints?.length ? config.entryPoints : defaults
  const using = wanted.filter((each) => entryPoints.some(({ name: known }) => known === each))
  for (const each of wanted.filter((entry) => !using.includes(entry)))
    wrong(`entryPoint "${each}" doesn't exist`, false)
  if (using.length === 0) wrong('no valid entryPoint for this router', true)
  const middlewares = (config.middlewares ?? []).map((each) => qualified(each, provider))
  let matches: Matcher | undefined
  if (using.length > 0) {
    const missing = middlewares.find((each) => !has('middlewares', each))
    if (config.service === undefined) wrong('the service is missing on the router', true)
    else if (!has('services', qualified(config.service, provider)))
      wrong(`the service "${qualified(config.service, provider)}" does not exist`, true)
    else if (missing !== undefined) wrong(`middleware "${missing}" does not exist`, true)
    else
      try {
        matches = parseRule(config.rule ?? '')
      } catch (error) {
        wrong(error instanceof Error ? error.message : String(error), true)
      }
  }
  return {
    name: qualified(name, provider),
    provider,
    entryPoints: wanted,
    using,
    middlewares,
    service: config.service ?? '',
    rule: config.rule ?? '',
    priority: config.priority || (config.rule ?? '').length,
    tls: config.tls === undefined ? undefined : { options: 'default', ...config.tls },
    status: critical ? 'disabled' : errors.length > 0 ? 'warning' : 'enabled',
    errors,
    matches: critical ? undefined : matches,
  }
}

/** @param configurations by the name of the provider: `file`, `http` */
export function runtimeOf(configurations: ReadonlyMap<string, Dynamic>): Runtime {
  const has = (kind: 'services' | 'middlewares', name: string): boolean => {
    const at = name.lastIndexOf('@')
    return configurations.get(name.slice(at + 1))?.[kind][name.slice(0, at)] !== undefined
  }
  const routers = [...internal]
  for (const [provider, { routers: own }] of configurations)
    for (const [name, config] of Object.entries(own)) routers.push(routerOf(name, provider, config, has))
  const usedBy = (pick: (router: RouterInfo) => readonly string[], name: string) =>
    routers.filter((router) => pick(router).includes(name)).map((router) => router.name)
  const services: ServiceInfo[] = ['api', 'dashboard', 'noop', 'ping'].map((name) => ({
    name: `${name}@internal`,
    provider: 'internal',
    servers: [],
    passHostHeader: true,
    insecure: false,
    usedBy: usedBy(({ service }) => [service], `${name}@internal`),
    internal: true,
  }))
  const middlewares: MiddlewareInfo[] = []
  for (const [provider, dynamic] of configurations) {
    for (const [name, { loadBalancer }] of Object.entries(dynamic.services)) {
      const full = qualified(name, provider)
      const transport = loadBalancer?.serversTransport
      const at = transport?.lastIndexOf('@') ?? -1
      const where = transport === undefined || at < 0 ? provider : providerOf(transport)
      const bare = at < 0 ? transport : transport?.slice(0, at)
      services.push({
        name: full,
        provider,
        servers: (loadBalancer?.servers ?? []).map(({ url }) => url ?? ''),
        passHostHeader: loadBalancer?.passHostHeader ?? true,
        insecure: configurations.get(where)?.serversTransports[bare ?? '']?.insecureSkipVerify === true,
        usedBy: usedBy((router) => [qualified(router.service, router.provider)], full),
        internal: false,
      })
    }
    for (const [name, content] of Object.entries(dynamic.middlewares)) {
      const full = qualified(name, provider)
      middlewares.push({
        name: full,
        provider,
        content,
        usedBy: usedBy((router) => router.middlewares, full),
      })
    }
  }
  return { routers, services, middlewares }
}
