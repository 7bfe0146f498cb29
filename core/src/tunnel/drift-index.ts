/** What was seen, arranged by host name: hundreds of names are compared in one pass. Pure. */
import { type DnsRecord, type IngressRule, unreachable } from '../cloudflare/index.ts'
import type { RouterView } from '../traefik/types.ts'
import { type Coverage, coverageBy } from './coverage.ts'
import { covers, isWildcard } from './hostnames.ts'
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
  /** The rule that takes it without one of its own: for all names below, or for everything else where that leads somewhere. */
  readonly wildRule: IngressRule | undefined
  /** Rules that take some of its paths before, and lead them somewhere. */
  readonly paths: readonly IngressRule[]
  /** Those that Traefik uses first. */
  readonly routers: readonly RouterView[]
  /** Name of our file in Traefik. */
  readonly file: string | undefined
}

export interface Index {
  readonly hostnames: readonly string[]
  place(hostname: string): Place
  /** Records to the tunnel for all names below, each with a name that is written nowhere: what takes it takes all of those. */
  readonly wildcards: readonly { readonly name: string; readonly any: Place }[]
  readonly coverage: Coverage | undefined
}

/** Whether a request gets further than cloudflared itself. */
export const leadsOn = (rule: IngressRule): boolean => !serviceOfRule(rule).startsWith('http_status:')

/** What takes its requests, when that leads somewhere. */
export function throughOf({ shadow, rule, wildRule }: Place): IngressRule | undefined {
  const through = shadow ?? rule ?? wildRule
  return through !== undefined && leadsOn(through) ? through : undefined
}

/** For people. */
export const nameOfRule = (rule: IngressRule): string => hostOfRule(rule) ?? 'the rule for everything else'

/** No name of a lab. */
const ANY = 'homelab-any-name'

export function indexOf(seen: Seen): Index {
  const { settings, records, rules, traefik, apps, tunnel } = seen
  const here = tunnel.id.toLowerCase()
  const routes = new Map(settings.routes.map((route) => [route.hostname, route]))
  const named = records.filter(takesName)
  const exact = new Map(named.map((record) => [record.name.toLowerCase(), record]))
  // Any record of the very name keeps a wildcard from it, also one that leads nobody anywhere, as TXT.
  const hidden = new Set(records.map(({ name }) => name.toLowerCase()))
  const wildRecords = named.filter(
    (record) => record.name.startsWith('*.') && tunnelOfRecord(record) === here,
  )
  const ruleOf = new Map<string, IngressRule>()
  const wildRules: IngressRule[] = []
  const pathRules: IngressRule[] = []
  for (const rule of rules) {
    const host = hostOfRule(rule)
    if (typeof rule.path === 'string' && rule.path !== '') pathRules.push(rule)
    else if (host !== undefined && !isWildcard(host)) {
      if (!ruleOf.has(host)) ruleOf.set(host, rule)
    } else if (host?.startsWith('*.') === true || leadsOn(rule)) wildRules.push(rule)
  }
  const takes = (rule: IngressRule, hostname: string): boolean => {
    const host = hostOfRule(rule) ?? '*'
    return host === '*' || covers(host, hostname)
  }
  const positions = new Map(rules.map((rule, at) => [rule, at]))
  const positionOf = (rule: IngressRule | undefined): number =>
    rule === undefined ? rules.length : (positions.get(rule) ?? rules.length)
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
    // Whatever they lead to: with a wildcard record nothing else speaks of them.
    ...rules.flatMap((rule) => hostOfRule(rule) ?? []),
    ...routersOf.keys(),
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
  const place = (hostname: string): Place => {
    const record = exact.get(hostname)
    const mark = record === undefined ? undefined : readMark(record)
    const rule = ruleOf.get(hostname)
    const routers = [
      ...(routersOf.get(hostname) ?? []),
      ...patterns.filter(({ fits }) => fits(hostname)).map(({ router }) => router),
    ]
    const shadow = rule === undefined ? undefined : shadows.get(rule)
    const wildRule = wildRules.find((each) => takes(each, hostname))
    const end = positionOf(shadow ?? rule ?? wildRule)
    return {
      hostname,
      meant: meantOf(hostname, mark),
      record,
      mark,
      wildRecord: hidden.has(hostname) ? undefined : wildRecords.find((each) => covers(each.name, hostname)),
      rule,
      shadow,
      wildRule,
      paths: pathRules.filter(
        (each) => positionOf(each) < end && takes(each, hostname) && !shadows.has(each) && leadsOn(each),
      ),
      routers: routers.toSorted((a, b) => Number(a.status === 'disabled') - Number(b.status === 'disabled')),
      file: files.get(hostname),
    }
  }
  return {
    hostnames: [...hostnames].filter((host) => !isWildcard(host)),
    place,
    wildcards: wildRecords.map(({ name }) => ({
      name: name.toLowerCase(),
      any: place(`${ANY}${name.slice(1)}`.toLowerCase()),
    })),
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
