/** What is reachable against what is meant, over all four places. Pure. */
import { sameOrigin } from './checks.ts'
import { guarding } from './coverage.ts'
import { type Index, indexOf, type Meant, nameOfRule, type Place } from './drift-index.ts'
import { driftOfOthers } from './drift-others.ts'
import { ledBy } from './drift-record.ts'
import { type DriftRow, type Fix, inOrder, row } from './drift-row.ts'
import { serversOf } from './find-route.ts'
import { isPrivate, markOf } from './marks.ts'
import { enforcedBy, serviceOfRule } from './ownership.ts'
import type { Seen } from './seen.ts'

type Expose = Extract<Fix, { kind: 'expose' }>

/** The worst first. */
export function driftOf(seen: Seen): readonly DriftRow[] {
  const index = indexOf(seen)
  const rows: DriftRow[] = []
  const named = new Set<string>()
  for (const hostname of index.hostnames) {
    const place = index.place(hostname)
    if (place.meant === undefined) continue
    named.add(place.meant.service.toLowerCase())
    rows.push(...driftOfMeant(place, place.meant, seen, index))
  }
  return inOrder([...rows, ...driftOfOthers(seen, index, named)])
}

function driftOfMeant(place: Place, meant: Meant, seen: Seen, index: Index): readonly DriftRow[] {
  const { hostname, mark, rule, wildRule, routers } = place
  const { until, service } = meant
  if (until !== undefined && new Date(until) <= seen.now)
    return [
      row('expired', hostname, 'critical', `${service} until ${until}`, 'still there', {
        fix: { kind: 'unexpose', hostname },
      }),
    ]
  const entry = seen.services.find(({ name }) => name.toLowerCase() === service.toLowerCase())
  const back: Fix = { kind: 'unexpose', hostname }
  if (entry?.private === true && (place.record !== undefined || rule !== undefined))
    return [
      row(
        'private',
        hostname,
        'critical',
        `${service} is never exposed`,
        'it is',
        mark === undefined ? { hint: 'Its record is not ours: remove it at Cloudflare.' } : { fix: back },
      ),
    ]
  // What only a record is left of was exposed by command, and is no longer.
  const nowhere = wildRule === undefined || (sameOrigin(serviceOfRule(wildRule), seen.origin) && seen.traefik)
  if (meant.by === 'mark' && rule === undefined && nowhere && routers.length === 0)
    return [
      row('dns-orphan', hostname, 'warning', 'nothing', 'a record of ours that leads to nothing', {
        fix: back,
      }),
    ]
  const fix: Expose = {
    kind: 'expose',
    service,
    hostname,
    // What the file opens is not said anew for it: who is private by nature has to be said so by a person.
    ...(meant.by === 'mark' ? { public: meant.public } : {}),
    ...(until === undefined ? {} : { until }),
  }
  return [
    ...dnsRows(place, meant, seen, fix),
    ...ruleRows(place, seen, fix),
    ...routeRows(place, meant, seen, fix),
    ...accessRows(place, meant, seen, index, fix),
    ...(meant.by === 'mark' && until === undefined
      ? [
          row('unlisted', hostname, 'note', 'nothing in homelab.yaml', `${service} was exposed by command`, {
            fix: back,
            hint: 'Add it to `network.routes`, or take it back.',
          }),
        ]
      : []),
  ]
}

function dnsRows(
  { hostname, record, mark, wildRecord }: Place,
  { service }: Meant,
  seen: Seen,
  fix: Expose,
): readonly DriftRow[] {
  const meant = `a proxied record to the tunnel ${seen.tunnel.name}`
  if (record === undefined)
    return wildRecord === undefined ? [row('dns-missing', hostname, 'warning', meant, 'none', { fix })] : []
  const { to, kind, there } = ledBy(record, seen)
  if (kind !== undefined)
    return [
      row(
        kind,
        hostname,
        to === 'dead' ? 'critical' : 'warning',
        meant,
        there,
        mark === undefined ? { hint: 'The record is not ours: change it at Cloudflare.' } : { fix },
      ),
    ]
  if (mark !== undefined && mark.service.toLowerCase() !== service.toLowerCase())
    return [row('dns-mark', hostname, 'note', `marked as ${service}`, `marked as ${mark.service}`, { fix })]
  return []
}

function ruleRows(
  { hostname, rule, shadow, wildRule }: Place,
  { origin }: Seen,
  fix: Expose,
): readonly DriftRow[] {
  const meant = `a rule to ${origin}`
  if (rule === undefined) {
    if (wildRule !== undefined && sameOrigin(serviceOfRule(wildRule), origin)) return []
    const there =
      wildRule === undefined ? 'none' : `${nameOfRule(wildRule)} takes it to ${serviceOfRule(wildRule)}`
    return [row('rule-missing', hostname, 'warning', meant, there, { fix })]
  }
  if (shadow !== undefined)
    return [
      row(
        'rule-shadowed',
        hostname,
        'warning',
        meant,
        `the rule of ${String(shadow.hostname ?? 'everything')} before it takes its requests`,
        { fix },
      ),
    ]
  if (!sameOrigin(serviceOfRule(rule), origin))
    return [row('rule-elsewhere', hostname, 'warning', meant, serviceOfRule(rule), { fix })]
  return []
}

function routeRows(
  { hostname, routers, file }: Place,
  { service }: Meant,
  seen: Seen,
  fix: Expose,
): readonly DriftRow[] {
  const { traefik, backends } = seen
  if (traefik === undefined) return []
  const [router] = routers
  const backend = backends.get(service.toLowerCase())
  const meant = `a route to ${backend?.url ?? service}`
  const rows: DriftRow[] = []
  const ours = file === undefined ? { hint: 'The route is not ours: change it in Traefik.' } : { fix }
  if (router === undefined)
    rows.push(
      row(
        'route-missing',
        hostname,
        'warning',
        meant,
        file === undefined ? 'none' : 'our file, which Traefik has not taken',
        { fix },
      ),
    )
  else if (router.status === 'disabled')
    rows.push(
      row(
        'route-broken',
        hostname,
        'warning',
        meant,
        `${router.name}: ${router.errors.join('; ') || 'disabled'}`,
        ours,
      ),
    )
  else {
    const servers = serversOf(router, traefik.services)
    const { url } = backend ?? {}
    if (url !== undefined && servers.length > 0 && !servers.some((each) => sameOrigin(each, url)))
      rows.push(
        row(
          'route-elsewhere',
          hostname,
          'warning',
          meant,
          `${router.name} leads to ${servers.join(', ')}`,
          ours,
        ),
      )
  }
  if (backend?.down !== undefined)
    rows.push(
      row('backend-down', hostname, 'warning', `${service} answers`, backend.down, {
        hint: `\`guest show ${service}\` says more.`,
      }),
    )
  return rows
}

function accessRows(place: Place, meant: Meant, seen: Seen, index: Index, fix: Expose): readonly DriftRow[] {
  const { hostname, record, wildRecord, rule } = place
  const { coverage } = index
  const { access } = seen.settings
  // Nobody gets there at all.
  if (coverage === undefined || (record === undefined && wildRecord === undefined)) return []
  const entry = seen.services.find(({ name }) => name.toLowerCase() === meant.service.toLowerCase())
  const mark = markOf(entry?.kind ?? meant.service)
  const app = coverage(hostname)
  const guard = guarding(app)
  const nobody = { hint: 'Say in `network.access.allow` of homelab.yaml who may log in.' }
  const can = access.allow.length > 0
  if (!meant.public) {
    if (app !== undefined && guard === undefined)
      return [
        row(
          'access-open',
          hostname,
          'critical',
          'behind Access',
          `"${app.name}" lets everybody in (bypass)`,
          { hint: 'Change its policy at Cloudflare.' },
        ),
      ]
    if (guard === undefined)
      return [
        row(
          'access-missing',
          hostname,
          'critical',
          'behind Access',
          'reachable without a login',
          can ? { fix } : nobody,
        ),
      ]
    const enforced = rule === undefined || enforcedBy(rule)?.audTag.includes(guard.aud) === true
    if (!access.enforce || enforced || access.team === undefined) return []
    return [
      row(
        'enforce-missing',
        hostname,
        'note',
        'cloudflared asks for the login too',
        'Cloudflare alone asks for it',
        { fix },
      ),
    ]
  }
  if (guard !== undefined && meant.by === 'file')
    return [
      row('access-unmeant', hostname, 'warning', 'open to everyone', `behind "${guard.name}"`, {
        hint: 'Say `public: false` in `network.routes`, or remove the application at Cloudflare.',
      }),
    ]
  if (guard !== undefined) return []
  if (isPrivate(mark))
    return [
      row(
        'private-open',
        hostname,
        'warning',
        `behind Access: ${mark.private}`,
        'open to everyone',
        can ? { fix: { ...fix, public: false } } : nobody,
      ),
    ]
  const bare = (mark.paths ?? []).filter((path) => guarding(coverage(`${hostname}${path}`)) === undefined)
  return bare.length === 0
    ? []
    : [
        row(
          'private-open',
          hostname,
          'warning',
          `${bare.join(', ')} behind Access: ${mark.private}`,
          'open to everyone',
          can ? { fix } : nobody,
        ),
      ]
}
