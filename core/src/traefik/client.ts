/** A Traefik: what its API says, and routes put where it finds them. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Clock, Http } from '../ports.ts'
import { createApi } from './api.ts'
import { freezing } from './directory.ts'
import { checkName, checkRoute } from './names.ts'
import type { RouteFile, RoutePlace, RouterView, Traefik, TraefikRoute } from './types.ts'

export interface TraefikOptions {
  readonly http: Http
  readonly clock: Clock
  /** `http://192.168.1.101:8080`, read at every use. */
  readonly api: () => string
  /** Where routes are put: `createDirectory` or `createDocument`. Asked for at every use. */
  readonly place: () => RoutePlace
}

/** Milliseconds: the HTTP provider polls every 5 s, and each change waits for the throttle of 2 s. */
const WAIT_MS = 10_000
const FIRST_MS = 100
const LONGEST_MS = 1_000

export function createTraefik({ http, clock, api: address, place }: TraefikOptions): Traefik {
  const api = createApi(http, address)
  const here = (name: string): string => `${name}@${place().provider}`

  /**
   * Asks until there is an answer, or the time is up.
   * @throws HomelabError of `late`, or why the API does not answer
   */
  async function until<T>(
    look: () => Promise<T | undefined>,
    late: () => Promise<HomelabError>,
    signal?: AbortSignal,
  ): Promise<T> {
    const end = clock.monotonic() + WAIT_MS
    for (let pause = FIRST_MS; ; pause = Math.min(pause * 2, LONGEST_MS)) {
      let away: unknown
      try {
        const seen = await look()
        if (seen !== undefined) return seen
      } catch (error) {
        // It may be restarting.
        if (!isHomelabError(error) || error.code !== 'unreachable') throw error
        away = error
      }
      if (clock.monotonic() >= end) throw away ?? (await late())
      await clock.sleep(Math.min(pause, Math.max(1, end - clock.monotonic())), signal)
    }
  }

  async function taken(route: TraefikRoute, signal?: AbortSignal): Promise<RouterView | undefined> {
    const router = await api.router(here(route.name), signal)
    if (router === undefined || !fits(router, route, place().provider)) return undefined
    if (router.status !== 'enabled' || router.errors.length > 0) throw refusedBy(router)
    const service = await api.service(here(route.name), signal)
    return service?.servers.length === 1 && service.servers[0]?.url === route.service ? router : undefined
  }

  /** Whatever explains that nothing came. */
  async function untaken(text: string, signal?: AbortSignal): Promise<HomelabError> {
    const files: readonly RouteFile[] = await place()
      .files(signal)
      .catch(() => [])
    const frozen = files.find((file) => file.freezes)
    if (frozen !== undefined) return freezing(frozen)
    const doubtful = files.filter((file) => file.problem !== undefined)
    const named = doubtful.map(({ path, problem }) => `${path} (${problem})`).join(', ')
    return new HomelabError('timeout', text, {
      hint:
        place().provider === 'http'
          ? 'Does it poll homelab? Its static configuration needs `providers.http` with the address and the token; its log says what it refuses.'
          : `Does it watch this directory (providers.file.directory, watch)? Its log names a file that it cannot read.${named === '' ? '' : ` It may be ${named}.`}`,
      data: { doubtful: doubtful.map(({ path }) => path) },
    })
  }

  return {
    routers: (signal) => api.routers(signal),
    services: (signal) => api.services(signal),
    entryPoints: (signal) => api.entryPoints(signal),
    middlewares: (signal) => api.middlewares(signal),
    version: (signal) => api.version(signal),
    files: (signal) => place().files(signal),
    read: (name, signal) => place().read(name, signal),
    put: (route, signal) => place().put(route, signal),
    remove: (name, signal) => place().remove(name, signal),
    restore: (name, before, signal) => place().restore(name, before, signal),
    async wait(route, signal) {
      checkRoute(route)
      return await until(
        () => taken(route, signal),
        () => untaken(`Traefik has not taken ${route.hostname} after ${WAIT_MS / 1000} s.`, signal),
        signal,
      )
    },
    async gone(name, signal) {
      checkName(name)
      await until(
        async () => ((await api.router(here(name), signal)) === undefined ? true : undefined),
        () => untaken(`Traefik still has ${name} after ${WAIT_MS / 1000} s.`, signal),
        signal,
      )
    },
  }
}

/** Whether it is this route and not the one of before. Traefik shows all entry points where a route names none. */
function fits(router: RouterView, route: TraefikRoute, provider: string): boolean {
  const whole = (name: string) => (name.includes('@') ? name : `${name}@${provider}`)
  const same = (a: readonly string[], b: readonly string[]) =>
    a.length === b.length && a.every((each, index) => whole(each) === whole(b[index] ?? ''))
  return (
    router.rule === route.rule &&
    whole(router.service) === whole(route.name) &&
    same(router.middlewares, route.middlewares) &&
    (route.entryPoints.length === 0 || same(router.entryPoints, route.entryPoints))
  )
}

const refusedBy = ({ name, status, errors }: RouterView): HomelabError =>
  new HomelabError(
    'failed',
    `Traefik does not route ${name}: ${errors.length === 0 ? `it is ${status}` : errors.join('; ')}.`,
    {
      hint: 'network.traefik.entry_points and middlewares of homelab.yaml are names that Traefik must have.',
      data: { status, errors },
    },
  )
