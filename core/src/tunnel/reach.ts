/** Whether a host name still leads somewhere once ours is taken away: what a login may not be taken from. */
import type { DnsRecord, IngressRule } from '../cloudflare/types.ts'
import type { Needed } from '../operation/types.ts'
import type { RouterView } from '../traefik/types.ts'
import { sameOrigin } from './checks.ts'
import { covers } from './hostnames.ts'
import type { Ingress } from './ingress.ts'
import { hostOfRule, recordText, serviceOfRule, takesName, tunnelOfRecord } from './ownership.ts'

/** As it is now. */
export interface Around {
  readonly hostname: string
  /** Its id. */
  readonly tunnel: string
  /** What rules that lead to Traefik point to. */
  readonly origin: string
  /** Of the whole zone. */
  readonly records: readonly DnsRecord[]
  readonly rules: readonly IngressRule[]
  /** undefined: Traefik cannot be seen, and may have a route for anything. */
  readonly routers: readonly RouterView[] | undefined
}

/** @returns the way there in words, `the record *.example.com (CNAME …), the rule for *.example.com`; undefined: there is none */
export function wayTo(around: Around): string | undefined {
  const { hostname, tunnel, records } = around
  for (const record of records) {
    if (!takesName(record) || !covers(record.name, hostname)) continue
    const named = `the record ${record.name} (${recordText(record)})`
    if (tunnelOfRecord(record) !== tunnel.toLowerCase()) return named
    const behind = wayBehind(around)
    if (behind !== undefined) return `${named}, ${behind}`
  }
  return undefined
}

/** From the tunnel on. cloudflared takes the first rule that fits; one with a path fits some requests only. */
function wayBehind({ hostname, origin, rules, routers }: Around): string | undefined {
  for (const rule of rules) {
    const host = hostOfRule(rule) ?? '*'
    if (host !== '*' && !covers(host, hostname)) continue
    const service = serviceOfRule(rule)
    const named = `the tunnel's rule for ${host === '*' ? 'everything else' : host}`
    if (!service.startsWith('http_status:')) {
      if (!sameOrigin(service, origin)) return `${named} to ${service}`
      if (routers === undefined) return `${named} to Traefik, which cannot be seen`
      const router = routers.find((each) => mayTake(each, hostname))
      if (router !== undefined) return `${named}, Traefik's route ${router.name}`
    }
    if (typeof rule.path !== 'string' || rule.path === '') return undefined
  }
  return undefined
}

/** A pattern, or a rule without any name, may be for it. Traefik's own are on another entry point. */
const mayTake = ({ provider, status, hostnames }: RouterView, hostname: string): boolean =>
  provider !== 'internal' &&
  status !== 'disabled' &&
  (hostnames.length === 0 || hostnames.some((each) => covers(each, hostname) || /^HostRegexp\(/i.test(each)))

interface Place {
  readonly hostname: string
  readonly zone: string
  readonly tunnel: { readonly id: string }
  readonly origin: string
}

/** Looks anew in all places. @throws HomelabError when Cloudflare cannot be asked: then nothing is known */
export async function stillLeads(
  { hostname, zone, tunnel, origin }: Place,
  ingress: Ingress,
  { network }: Needed<readonly ['network']>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { cloudflare, traefik } = network
  const records = await cloudflare.dnsRecords(zone, {}, signal)
  // Mostly there is no way in at all, and the rest need not be asked.
  if (!records.some((record) => takesName(record) && covers(record.name, hostname))) return undefined
  const [rules, routers] = await Promise.all([
    ingress.read(signal),
    // Where there is no Traefik to be asked, it has no version either: that it shows no routes says nothing.
    Promise.all([traefik.routers(signal), traefik.version(signal)]).then(
      ([all]) => all,
      () => undefined,
    ),
  ])
  return wayTo({ hostname, tunnel: tunnel.id, origin, records, rules, routers })
}
