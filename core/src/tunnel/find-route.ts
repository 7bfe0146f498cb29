/** How a host name stands in Traefik: a route of ours, of somebody else's, or none. */
import { HomelabError } from '../errors.ts'
import type { TraefikSettings } from '../inventory/network-schema.ts'
import { joinWords } from '../nearest.ts'
import { sameRoute } from '../traefik/index.ts'
import type { RouteFile, RouterView, ServiceView, Traefik, TraefikRoute } from '../traefik/types.ts'
import type { Backend } from './backend.ts'
import { sameOrigin } from './checks.ts'

/** Plain JSON. */
export interface FoundRoute {
  /** What is written; null: somebody else's route leads there, and stays. */
  readonly ours: TraefikRoute | null
  /** The content of our file before; null: there was none. */
  readonly before: string | null
  /** Whether our file says so already. */
  readonly there: boolean
  /** `plex@docker`: the route that is used instead of one of ours. */
  readonly other: string | null
}

export interface RouteQuestion {
  readonly name: string
  readonly hostname: string
  readonly backend: Backend
  readonly traefik: Traefik
  readonly settings: TraefikSettings
}

/**
 * @throws HomelabError `conflict` naming a route that leads elsewhere, or a file that freezes every reload; `config` for an
 * entry point or middleware that Traefik does not have
 */
export async function findRoute(question: RouteQuestion, signal: AbortSignal): Promise<FoundRoute> {
  const { name, hostname, traefik, settings } = question
  const [files, routers, services] = await Promise.all([
    traefik.files(signal),
    traefik.routers(signal),
    traefik.services(signal),
  ])
  const wanted = routeOf(question)
  const file = files.find((each) => each.name === name && each.ours)
  const before = file?.text ?? null
  const others = routers.filter(
    (router) => router.hostnames.includes(hostname) && plain(router.name) !== name,
  )
  const [other] = others
  if (other !== undefined && file === undefined) {
    assertLeads(other, services, question)
    return { ours: null, before: null, there: true, other: other.name }
  }
  assertNotFrozen(files)
  await assertKnown(traefik, settings, signal)
  const there = file?.route !== undefined && sameRoute(file.route, wanted)
  return { ours: wanted, before, there, other: null }
}

export const routeOf = ({
  name,
  hostname,
  backend,
  settings,
}: Omit<RouteQuestion, 'traefik'>): TraefikRoute => ({
  name,
  rule: `Host(\`${hostname}\`)`,
  hostname,
  service: backend.url,
  entryPoints: settings.entry_points,
  middlewares: settings.middlewares,
  ...(backend.insecure ? { insecureBackend: true } : {}),
})

/** Without its provider. */
export const plain = (name: string): string => name.replace(/@.*$/, '')

/** Where a router sends its requests, and what Traefik believes of it. */
export function backendsOf(router: RouterView, services: readonly ServiceView[]): ServiceView['servers'] {
  const full = router.service.includes('@') ? router.service : `${router.service}@${router.provider}`
  return services.find((service) => service.name === full)?.servers ?? []
}

export const serversOf = (router: RouterView, services: readonly ServiceView[]): readonly string[] =>
  backendsOf(router, services).map(({ url }) => url)

function assertLeads(
  router: RouterView,
  services: readonly ServiceView[],
  { hostname, backend }: RouteQuestion,
): void {
  if (router.status === 'disabled')
    throw new HomelabError(
      'conflict',
      `Traefik has a route for ${hostname} that it does not use: ${router.name}.`,
      {
        hint: `It is not ours. Traefik says: ${router.errors.join('; ') || 'nothing'}.`,
      },
    )
  const servers = serversOf(router, services)
  if (servers.length === 0 || servers.some((url) => sameOrigin(url, backend.url))) return
  throw new HomelabError(
    'conflict',
    `Traefik has a route for ${hostname} already, and it leads to ${joinWords(servers)}: ${router.name}.`,
    {
      hint: `It is not ours. Remove it, give another \`hostname\`, or correct the service's address in homelab.yaml: it would be ${backend.url}.`,
    },
  )
}

/** @throws HomelabError `conflict` naming the file: Traefik takes no change of any file while it is there */
export function assertNotFrozen(files: readonly RouteFile[]): void {
  const frozen = files.filter((file) => file.freezes === true)
  const [first] = frozen
  if (first === undefined) return
  throw new HomelabError(
    'conflict',
    `Traefik takes no change of its routes: ${frozen.map(({ path, problem }) => `${path} ${problem ?? 'is wrong'}`).join('; ')}.`,
    {
      hint: `Correct ${first.path}, or move it out of the directory. Until then only Traefik's log tells.`,
      data: { files: frozen.map(({ path, problem }) => ({ path, problem })) },
    },
  )
}

async function assertKnown(traefik: Traefik, settings: TraefikSettings, signal: AbortSignal): Promise<void> {
  const { entry_points: wanted, middlewares } = settings
  const entries = (await traefik.entryPoints(signal)).map(({ name }) => name)
  const missing = wanted.find((name) => !entries.includes(name))
  if (missing !== undefined)
    throw new HomelabError(
      'config',
      `Traefik has no entry point "${missing}": it has ${joinWords(entries)}.`,
      {
        hint: 'Correct `network.traefik.entry_points` in homelab.yaml.',
      },
    )
  if (middlewares.length === 0) return
  const all = (await traefik.middlewares(signal)).map(({ name }) => name)
  const unknown = middlewares.find((name) => !all.some((each) => each === name || plain(each) === name))
  if (unknown !== undefined)
    throw new HomelabError(
      'config',
      `Traefik has no middleware "${unknown}": it has ${joinWords(all) || 'none'}.`,
      {
        hint: 'Correct `network.traefik.middlewares` in homelab.yaml.',
      },
    )
}
