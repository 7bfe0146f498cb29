/** How things are before a service is exposed, in all four places, and what has to be done. Only reads. */
import { type IngressRule, unreachable } from '../cloudflare/index.ts'
import { HomelabError } from '../errors.ts'
import { appsIn } from './apps.ts'
import { type Backend, backendOf, whyDown } from './backend.ts'
import {
  assertRule,
  assertTunnel,
  type FoundRecord,
  type Guard,
  guardsFor,
  isUp,
  notesOn,
  recordFor,
} from './checks.ts'
import { type FoundRoute, findRoute } from './find-route.ts'
import { ingressOf } from './ingress.ts'
import { videoWarning } from './marks.ts'
import { dnsComment, routeName, untilText, wholeRule } from './ownership.ts'
import type { NetworkServices } from './types.ts'
import { concerns, meaningOf, type Wanted } from './wanted.ts'
import { type Front, frontOf, tunnelOf } from './where.ts'

/** Plain JSON: it is kept with the run. */
export interface Found {
  /** The service, and what people call it. */
  readonly name: string
  readonly title: string
  readonly hostname: string
  readonly public: boolean
  /** ISO 8601, to the minute. */
  readonly until: string | null
  readonly backend: Backend
  readonly zone: { readonly id: string; readonly name: string }
  readonly tunnel: { readonly id: string; readonly name: string; readonly up: boolean }
  readonly front: Front
  readonly guards: readonly Guard[]
  /** Of the login page, when cloudflared itself is to ask for the login. */
  readonly team: string | null
  readonly route: FoundRoute
  readonly ruleBefore: IngressRule | null
  /** An earlier rule takes all of its requests. */
  readonly shadowed: boolean
  readonly record: FoundRecord | null
  readonly comment: string
  /** What is noticed while the tunnel's rule is changed. */
  readonly outage: string | null
  /** Why its backend does not answer. */
  readonly down: string | null
  readonly warnings: readonly string[]
}

/** @throws HomelabError why it cannot or should not be exposed so */
export async function findExposure(
  wanted: Wanted,
  services: NetworkServices,
  signal: AbortSignal,
): Promise<Found> {
  const { lab, network, clock } = services
  const settings = network.settings()
  const [target, ...more] = await lab.resolve([wanted.service], { signal })
  if (target === undefined || more.length > 0)
    throw new HomelabError('usage', `"${wanted.service}" names ${more.length + 1} guests; this takes one.`)
  const meaning = meaningOf(wanted, target, settings)
  const { hostname, name, title } = meaning
  const backend = await backendOf(target, services, signal)
  const [tunnel, zone, front] = await Promise.all([
    tunnelOf(network, signal),
    network.recent.zone(hostname, signal),
    frontOf(services, signal),
  ])
  assertTunnel(tunnel, settings, wanted)
  const ingress = ingressOf(tunnel.id, services)
  const enforce = !meaning.public && settings.access.enforce
  const file = routeName(name, hostname, meaning.usual)
  const [rules, uneven, records, apps, team, route, down, outage] = await Promise.all([
    ingress.recent(signal),
    ingress.uneven(signal),
    network.recent.dnsRecords(zone.id, { name: hostname }, signal),
    // Who does not use Access has no permission for it either.
    meaning.public && settings.access.allow.length === 0
      ? []
      : appsIn(network.recent, settings, meaning.guarded.length > 0, signal),
    enforce ? (settings.access.team ?? network.recent.accessTeam(signal)) : undefined,
    findRoute(
      { name: file, hostname, backend, traefik: network.traefik, settings: settings.traefik },
      signal,
    ),
    whyDown(target, backend, services, signal),
    ingress.outage(signal),
  ])
  if (down !== undefined && !wanted.down)
    throw new HomelabError('conflict', `${title} does not answer: ${down}.`, {
      hint: `\`guest show ${name}\` says more. To expose it all the same: \`down:true\`.`,
    })
  const before = wholeRule(rules, hostname)
  assertRule(before, front.origin, hostname, wanted)
  const until =
    wanted.forMs === undefined ? wanted.until : untilText(new Date(clock.now().getTime() + wanted.forMs))
  const record = recordFor(records, hostname, tunnel, until !== undefined)
  return {
    name,
    title,
    hostname,
    public: meaning.public,
    until: until ?? null,
    backend,
    zone: { id: zone.id, name: zone.name },
    tunnel: { id: tunnel.id, name: tunnel.name, up: isUp(tunnel) },
    front,
    guards: guardsFor(meaning, apps),
    team: team ?? null,
    route,
    ruleBefore: before ?? null,
    // One that some places lack has to be put there too.
    shadowed:
      unreachable(rules).some(({ rule }) => rule === before) ||
      uneven.some(({ rule }) => wholeRule([rule], hostname) !== undefined),
    record,
    comment: dnsComment({ service: name, open: meaning.public, ...(until === undefined ? {} : { until }) }),
    outage: outage ?? null,
    down: down ?? null,
    warnings: [
      ...concerns(meaning, videoWarning(title, meaning.mark)),
      ...notesOn({
        ...{ zone, tunnel, hostname, rules, record },
        teamless: enforce && team === undefined,
        words: { end: '`tunnel unexpose`', team: '`network.access.team`' },
      }),
      ...(down === undefined ? [] : [`${title} does not answer now: ${down}.`]),
    ],
  }
}
