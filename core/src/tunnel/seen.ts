/** All four places as they are now, by few calls: lists whole, never name by name. Only reads. */
import type { AccessApp, DnsRecord, IngressRule, Tunnel } from '../cloudflare/types.ts'
import { errorData, isHomelabError } from '../errors.ts'
import type { NetworkSettings } from '../inventory/network-schema.ts'
import type { ServiceEntry } from '../inventory/schema.ts'
import type { RouteFile, RouterView, ServiceView } from '../traefik/types.ts'
import { backendOf, whyDown } from './backend.ts'
import { ingressOf, type UnevenRule } from './ingress.ts'
import { readMark } from './ownership.ts'
import type { NetworkServices } from './types.ts'
import { frontOf, tunnelOf } from './where.ts'

export interface SeenBackend {
  readonly url?: string
  readonly down?: string
}

export interface Seen {
  readonly now: Date
  readonly settings: NetworkSettings
  readonly services: readonly ServiceEntry[]
  readonly tunnel: Tunnel
  readonly tunnels: readonly Tunnel[]
  /** What the tunnel's rules should lead to. */
  readonly origin: string
  /** Of any place where they are kept. */
  readonly rules: readonly IngressRule[]
  /** Those that some of the places lack; left out: they are in one. */
  readonly uneven?: readonly UnevenRule[]
  /** Of every zone that a name of ours is in. */
  readonly records: readonly DnsRecord[]
  /** undefined: they cannot be seen. */
  readonly apps?: readonly AccessApp[]
  readonly traefik?: {
    readonly files: readonly RouteFile[]
    readonly routers: readonly RouterView[]
    readonly services: readonly ServiceView[]
  }
  /** By the service's name in lower case. */
  readonly backends: ReadonlyMap<string, SeenBackend>
  /** What could not be looked at, and why. */
  readonly unseen: readonly { readonly what: string; readonly why: string }[]
}

/** @throws HomelabError when Cloudflare cannot be asked: without it there is nothing to compare */
export async function lookAround(services: NetworkServices, signal: AbortSignal): Promise<Seen> {
  const { lab, network, clock } = services
  const { cloudflare, traefik } = network
  const settings = network.settings()
  const unseen: { what: string; why: string }[] = []
  const orUnseen = async <T>(what: string, work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work
    } catch (error) {
      signal.throwIfAborted()
      if (!isHomelabError(error)) throw error
      unseen.push({ what, why: errorData(error).message })
      return undefined
    }
  }
  const [tunnels, apps, seenTraefik, front, records] = await Promise.all([
    cloudflare.tunnels(signal),
    orUnseen('Access', cloudflare.accessApps(signal)),
    orUnseen(
      'Traefik',
      Promise.all([traefik.files(signal), traefik.routers(signal), traefik.services(signal)]),
    ),
    frontOf(services, signal),
    recordsOf(services, signal),
  ])
  const { id } = settings.tunnel ?? {}
  const tunnel = tunnels.find((each) => each.id === id) ?? (await tunnelOf(network, signal))
  const ingress = ingressOf(tunnel.id, services)
  const rules = await ingress.read(signal)
  const uneven = await ingress.uneven(signal)
  const [files, routers, backends] = seenTraefik ?? []
  return {
    now: clock.now(),
    settings,
    services: lab.inventory.services,
    tunnel,
    tunnels,
    origin: front.origin,
    rules,
    ...(uneven.length === 0 ? {} : { uneven }),
    records,
    ...(apps === undefined ? {} : { apps }),
    ...(files === undefined || routers === undefined || backends === undefined
      ? {}
      : { traefik: { files, routers, services: backends } }),
    backends: await backendsOf(settings, records, services, signal),
    unseen,
  }
}

async function recordsOf({ network }: NetworkServices, signal: AbortSignal): Promise<readonly DnsRecord[]> {
  const { domain, routes } = network.settings()
  const names = [
    ...new Set([...(domain === undefined ? [] : [domain]), ...routes.map(({ hostname }) => hostname)]),
  ]
  const zones = new Set<string>()
  // One after the other: the first asks for all zones, and the others have them from memory.
  for (const name of names) zones.add((await network.recent.zone(name, signal)).id)
  const all = await Promise.all([...zones].map((zone) => network.cloudflare.dnsRecords(zone, {}, signal)))
  return all.flat()
}

/** Each service once, however many names it has, and only those that have one. */
async function backendsOf(
  { routes }: NetworkSettings,
  records: readonly DnsRecord[],
  services: NetworkServices,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, SeenBackend>> {
  const named = new Set(
    [
      ...routes.map(({ service }) => service),
      ...records.flatMap((each) => readMark(each)?.service ?? []),
    ].map((name) => name.toLowerCase()),
  )
  const rows = (await services.lab.services({ signal })).filter(({ name }) => named.has(name.toLowerCase()))
  const found = await Promise.all(
    rows.map(async ({ name, target }): Promise<readonly [string, SeenBackend]> => {
      const key = name.toLowerCase()
      if (target === undefined) return [key, { down: 'its guest is not there' }]
      try {
        const backend = await backendOf(target, services, signal)
        const down = await whyDown(target, backend, services, signal)
        return [key, { url: backend.url, ...(down === undefined ? {} : { down }) }]
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        return [key, { down: error.message }]
      }
    }),
  )
  return new Map(found)
}
