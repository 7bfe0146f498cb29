/** What is reachable without a name of its own anywhere: by a wildcard, by a path, by a route for patterns. Pure. */
import type { IngressRule } from '../cloudflare/types.ts'
import type { RouterView } from '../traefik/types.ts'
import { sameOrigin } from './checks.ts'
import { guarding } from './coverage.ts'
import { type Index, leadsOn, nameOfRule, type Place } from './drift-index.ts'
import { type DriftRow, row } from './drift-row.ts'
import { serversOf } from './find-route.ts'
import { isPrivate, markOf } from './marks.ts'
import { serviceOfRule } from './ownership.ts'
import type { Seen } from './seen.ts'

export const toTraefik = (rule: IngressRule, { origin }: Seen): boolean =>
  sameOrigin(serviceOfRule(rule), origin)

/** Proxmox VE and its backup server. */
const PROXMOX = new Set(['8006', '8007'])

/**
 * Why it should not be reachable by everyone, by all that is known of it: what it is called, the route, the servers behind.
 * @param ways the rules that take it
 */
export function privateBy(
  hostname: string,
  ways: readonly IngressRule[],
  routers: readonly RouterView[],
  seen: Seen,
): string | undefined {
  const urls = [
    ...ways.map(serviceOfRule),
    ...routers.flatMap((router) => serversOf(router, seen.traefik?.services ?? [])),
  ]
  const behind = [...seen.backends].flatMap(([name, { url }]) =>
    url !== undefined && urls.some((each) => sameOrigin(each, url)) ? [name] : [],
  )
  const called = [hostname.split('.')[0] ?? '', ...routers.flatMap(({ name, service }) => [name, service])]
  const words = called.map((name) => (name.split('@')[0] ?? '').toLowerCase().replace(/^homelab-/, ''))
  for (const word of [...behind, ...words]) {
    const entry = seen.services.find(({ name }) => name.toLowerCase() === word)
    if (entry?.private === true) return `${entry.name} is never exposed`
    const mark = markOf(entry?.kind ?? word)
    if (isPrivate(mark)) return mark.private
  }
  const proxmox = urls.some((url) => URL.canParse(url) && PROXMOX.has(new URL(url).port))
  return proxmox ? markOf('proxmox').private : undefined
}

/** Paths of a name that is meant, which lead past its service. */
export function pathRows({ hostname, record, wildRecord, paths }: Place, seen: Seen): readonly DriftRow[] {
  const elsewhere = paths.filter((rule) => !toTraefik(rule, seen))
  if (elsewhere.length === 0 || (record ?? wildRecord) === undefined) return []
  const there = elsewhere.map((rule) => `${String(rule.path)} to ${serviceOfRule(rule)}`).join(', ')
  return [
    row('rule-path', hostname, 'warning', 'all of its paths to Traefik', there, {
      hint: 'Remove the rule of the path at Cloudflare, unless you mean it.',
    }),
  ]
}

/** What names that are written nowhere lead to. */
export function wildRows(seen: Seen, index: Index): readonly DriftRow[] {
  const rows: DriftRow[] = []
  let open = false
  let led = false
  for (const { name, any } of index.wildcards) {
    const bare = index.coverage !== undefined && guarding(index.coverage(any.hostname)) === undefined
    const ways = [any.wildRule, ...any.paths].filter((rule) => rule !== undefined).filter(leadsOn)
    const direct = ways.filter((rule) => !toTraefik(rule, seen))
    if (direct.length < ways.length) {
      led = true
      open ||= bare
    }
    if (direct.length === 0) continue
    const why = privateBy('', direct, [], seen)
    const to = direct.map((rule) => `${serviceOfRule(rule)}, by ${nameOfRule(rule)}`).join('; ')
    rows.push(
      row(
        'unmeant',
        name,
        !bare ? 'note' : why === undefined ? 'warning' : 'critical',
        why === undefined ? 'nothing in homelab.yaml' : `behind Access: ${why}`,
        `every name below is reachable${bare ? ' without a login' : ''}: it leads to ${to}`,
        { hint: 'Remove the wildcard record, or the rule, at Cloudflare.' },
      ),
    )
  }
  return [...rows, ...patternRows(seen, led, open)]
}

/** @param led a wildcard leads every name to Traefik @param open and no login is asked for */
function patternRows({ traefik, settings }: Seen, led: boolean, open: boolean): readonly DriftRow[] {
  const entries: readonly string[] = settings.traefik.entry_points
  const loose = (traefik?.routers ?? []).filter(
    ({ hostnames, status, provider, entryPoints }) =>
      status !== 'disabled' &&
      provider !== 'internal' &&
      (hostnames.some((host) => host.startsWith('HostRegexp(')) ||
        // For every name there is: only with a wildcard does that open more than what is looked at name by name.
        (led && hostnames.length === 0 && entryPoints.some((name) => entries.includes(name)))),
  )
  return loose.map(({ name, rule }) =>
    row(
      'route-pattern',
      name,
      led && open ? 'warning' : 'note',
      'routes of host names',
      `${rule}: it cannot be told which names that opens${led ? `; a wildcard leads them all to Traefik${open ? ' without a login' : ''}` : ''}`,
      { hint: 'Give its host names one by one in Traefik, or put Access before the wildcard.' },
    ),
  )
}
