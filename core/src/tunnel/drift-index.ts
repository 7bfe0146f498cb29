/** What was seen, arranged by host name: hundreds of names are compared in one pass. Pure. */
import { type DnsRecord, type IngressRule, unreachable } from '../cloudflare/index.ts'
import type { RouterView } from '../traefik/types.ts'
import { sameOrigin } from './checks.ts'
import { type Coverage, coverageBy } from './coverage.ts'
import { covers } from './hostnames.ts'
import { type DnsMark, hostOfRule, readMark, serviceOfRule, takesName, tunnelOfRecord } from './ownership.ts'
import type { Seen } from './seen.ts'

export interface Meant {
  readonly service: string
  readonly public: boolean
  /** Who says so: homelab.yaml, or a mark that an exposure by command left. */
  readonly by: 'file' | 'mark'
  readonly until?: string
}

export interface Place {
  readonly hostname: string
  readonly meant: Meant | undefined
  /** The one record of this very name that leads somewhere. */
  readonly record: DnsRecord | undefined
  readonly mark: DnsMark | undefined
  /** A record for all names below leads this one to the tunnel. */
  readonly wildRecord: DnsRecord | undefined
  readonly rule: IngressRule | undefined
  /** Another rule takes all of its requests. */
  readonly shadow: IngressRule | undefined
  /** A rule for all names below that this one falls under. */
  readonly wildRule: IngressRule | undefined
  /** Those that Traefik uses first. */
  readonly routers: readonly RouterView[]
  /** Name of our file in Traefik. */
  readonly file: string | undefined
}

export interface Index {
  readonly hostnames: readonly string[]
  place(hostname: string): Place
  readonly coverage: Coverage | undefined
}

export function indexOf(seen: Seen): Index {
  const { settings, records, rules, traefik, origin, apps, tunnel } = seen
  const here = tunnel.id.toLowerCase()
  const routes = new Map(settings.routes.map((route) => [route.hostname, route]))
  const named = records.filter(takesName)
  const exact = new Map(named.map((record) => [record.name.toLowerCase(), record]))
  const wildRecords = named.filter(
    (record) => record.name.startsWith('*.') && tunnelOfRecord(record) === here,
  )
  const ruleOf = new Map<string, IngressRule>()
  const wildRules: IngressRule[] = []
  for (const rule of rules) {
    const host = hostOfRule(rule)
    if (host === undefined || (typeof rule.path === 'string' && rule.path !== '')) continue
    if (host.startsWith('*.')) wildRules.push(rule)
    else if (!ruleOf.has(host)) ruleOf.set(host, rule)
  }
  const shadows = new Map(unreachable(rules).map(({ rule, by }) => [rule, by]))
  const routersOf = new Map<string, RouterView[]>()
  const patterns: { readonly router: RouterView; readonly fits: (hostname: string) => boolean }[] = []
  for (const router of traefik?.routers ?? []) {
    for (const host of router.hostnames) {
      const pattern = /^HostRegexp\(`(.*)`\)$/s.exec(host)?.[1]
      if (pattern !== undefined) patterns.push({ router, fits: fitting(pattern) })
      else routersOf.set(host, [...(routersOf.get(host) ?? []), router])
    }
  }
  const files = new Map(
    (traefik?.files ?? [])
      .filter(({ ours }) => ours)
      .flatMap(({ name, hostnames }) => hostnames.map((host) => [host, name])),
  )
  const hostnames = new Set([
    ...routes.keys(),
    ...[...exact.values()]
      .filter((record) => readMark(record) !== undefined || tunnelOfRecord(record) !== undefined)
      .map((record) => record.name.toLowerCase()),
    ...[...ruleOf].filter(([, rule]) => sameOrigin(serviceOfRule(rule), origin)).map(([host]) => host),
    ...files.keys(),
  ])
  const meantOf = (hostname: string, mark: DnsMark | undefined): Meant | undefined => {
    const route = routes.get(hostname)
    const until = mark?.until === undefined ? {} : { until: mark.until }
    if (route !== undefined) return { service: route.service, public: route.public, by: 'file', ...until }
    return mark === undefined
      ? undefined
      : { service: mark.service, public: mark.open === true, by: 'mark', ...until }
  }
  return {
    hostnames: [...hostnames].filter((host) => !host.startsWith('*.')),
    place(hostname) {
      const record = exact.get(hostname)
      const mark = record === undefined ? undefined : readMark(record)
      const rule = ruleOf.get(hostname)
      const routers = [
        ...(routersOf.get(hostname) ?? []),
        ...patterns.filter(({ fits }) => fits(hostname)).map(({ router }) => router),
      ]
      return {
        hostname,
        meant: meantOf(hostname, mark),
        record,
        mark,
        wildRecord: wildRecords.find((each) => covers(each.name, hostname)),
        rule,
        shadow: rule === undefined ? undefined : shadows.get(rule),
        wildRule: wildRules.find((each) => covers(hostOfRule(each) ?? '', hostname)),
        routers: routers.toSorted(
          (a, b) => Number(a.status === 'disabled') - Number(b.status === 'disabled'),
        ),
        file: files.get(hostname),
      }
    },
    coverage: apps === undefined ? undefined : coverageBy(apps),
  }
}

/** Go's patterns are nearly these; one that is not is taken to fit nothing. */
function fitting(pattern: string): (hostname: string) => boolean {
  try {
    const regexp = new RegExp(pattern, 'i')
    return (hostname) => regexp.test(hostname)
  } catch {
    return () => false
  }
}
