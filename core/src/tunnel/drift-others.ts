/** What is there and nobody means, what nobody can see, and what is named nowhere. Pure. */

import { joinWords } from '../nearest.ts'
import { isUp } from './checks.ts'
import { guarding } from './coverage.ts'
import { type Index, type Place, throughOf } from './drift-index.ts'
import { ledBy } from './drift-record.ts'
import { type DriftRow, row } from './drift-row.ts'
import { pathRows, privateBy, toTraefik, wildRows } from './drift-wild.ts'
import { exposable } from './marks.ts'
import { hostOfRule, serviceOfRule } from './ownership.ts'
import type { Seen } from './seen.ts'

/** @param named services that have a host name, in lower case */
export function driftOfOthers(seen: Seen, index: Index, named: ReadonlySet<string>): readonly DriftRow[] {
  return [
    ...tunnelRows(seen),
    ...fileRows(seen),
    ...wildRows(seen, index),
    ...unevenRows(seen, index),
    ...index.hostnames
      .map((hostname) => index.place(hostname))
      .flatMap((place) =>
        place.meant === undefined ? strayRows(place, seen, index) : pathRows(place, seen),
      ),
    ...seen.services
      .filter(
        (entry) =>
          !entry.private &&
          !named.has(entry.name.toLowerCase()) &&
          exposable(entry.kind ?? entry.name, entry.port),
      )
      .map(({ name }) =>
        row('no-route', name, 'note', 'a host name, or `private: true`', 'neither', {
          hint: `\`tunnel expose ${name}\`, or say \`private: true\` of it in homelab.yaml.`,
        }),
      ),
  ]
}

function tunnelRows({ tunnel, unseen, settings }: Seen): readonly DriftRow[] {
  // Who uses no Access has no permission for it either.
  const usesAccess = settings.access.allow.length > 0 || settings.routes.some((route) => !route.public)
  const down = isUp(tunnel)
    ? []
    : [
        row('tunnel-down', tunnel.name, 'critical' as const, 'connected', tunnel.status, {
          hint: '`tunnel status`, `logs cloudflared`.',
        }),
      ]
  return [
    ...down,
    ...unseen.map(({ what, why }) =>
      row('unseen', what, what === 'Access' && !usesAccess ? 'note' : 'warning', 'can be looked at', why),
    ),
  ]
}

function fileRows({ traefik }: Seen): readonly DriftRow[] {
  return (traefik?.files ?? [])
    .filter(({ problem }) => problem !== undefined)
    .map(({ path, problem = '', freezes }) =>
      freezes === true
        ? row(
            'traefik-frozen',
            path,
            'critical',
            'a file that Traefik can read',
            `${problem}: Traefik takes no change of any route`,
            { hint: `Correct ${path}, or move it out of the directory.` },
          )
        : row('traefik-file', path, 'note', 'a file that can be looked into', problem),
    )
}

const idle = (led: boolean): string =>
  `a record to the tunnel, which ${led ? 'leads it to Traefik, where nothing is' : 'has nothing'} for it`

/** The connectors answer in turn: what only some of them have is there for some requests. */
function unevenRows({ uneven = [] }: Seen, index: Index): readonly DriftRow[] {
  const missing = new Map<string, Set<string>>()
  for (const { rule, missing: places } of uneven) {
    const name = hostOfRule(rule) ?? 'everything else'
    missing.set(name, new Set([...(missing.get(name) ?? []), ...places]))
  }
  return [...missing].map(([name, places]) => {
    const { meant } = index.place(name)
    return row(
      'rule-uneven',
      name,
      'warning',
      'the same rule in all places of cloudflared',
      `not the same in ${joinWords([...places])}`,
      meant === undefined
        ? { hint: 'Make the files alike, and restart cloudflared where you changed one.' }
        : {
            fix: {
              kind: 'expose',
              service: meant.service,
              hostname: name,
              ...(meant.by === 'mark' ? { public: meant.public } : {}),
              ...(meant.until === undefined ? {} : { until: meant.until }),
            },
          },
    )
  })
}

/** A host name that neither the file nor a mark speaks of. */
function strayRows(place: Place, seen: Seen, index: Index): readonly DriftRow[] {
  const { hostname, record, wildRecord, rule, routers, file, paths } = place
  const { traefik } = seen
  const led = record === undefined ? undefined : ledBy(record, seen)
  const toHere = led?.to === 'here' || led?.to === 'idle'
  const rows: DriftRow[] = []
  if (led?.to === 'dead')
    rows.push(
      row('dns-dead-tunnel', hostname, 'warning', 'nothing', led.there, {
        hint: 'It is not ours: remove it at Cloudflare.',
      }),
    )
  if (led?.to === 'other' && !led.up)
    rows.push(row('dns-other-tunnel', hostname, 'note', 'nothing', led.there))
  const here = toHere || (record === undefined && wildRecord !== undefined)
  const through = throughOf(place)
  const used = routers.filter(({ status }) => status !== 'disabled')
  // Whether Traefik has something for it is not known while Traefik cannot be seen: then it counts as reachable.
  const ways = [...(through === undefined ? [] : [through]), ...paths].filter(
    (each) => !toTraefik(each, seen) || traefik === undefined || used.length > 0,
  )
  const [way] = ways
  const reachable = here && way !== undefined
  if (reachable) {
    const open = index.coverage !== undefined && guarding(index.coverage(hostname)) === undefined
    const leading = toTraefik(way, seen) ? used : []
    const why = privateBy(hostname, ways, leading, seen)
    const path = way === through ? '' : `${String(way.path)} `
    const by = toTraefik(way, seen) ? (used[0]?.name ?? 'Traefik, which cannot be seen') : serviceOfRule(way)
    rows.push(
      row(
        'unmeant',
        hostname,
        !open ? 'note' : why === undefined ? 'warning' : 'critical',
        why === undefined ? 'nothing in homelab.yaml' : `nothing in homelab.yaml: ${why}`,
        `reachable${open ? ' without a login' : ''}, by ${path}${by}`,
        {
          hint:
            record === undefined
              ? 'Add it to `network.routes`, or remove its rule or its route: the wildcard record leads every name here.'
              : 'Add it to `network.routes`, or remove it at Cloudflare: its record is not ours.',
        },
      ),
    )
  } else if (toHere)
    rows.push(
      row('dns-idle', hostname, 'note', 'nothing', idle(through !== undefined), {
        hint: 'It is not ours: remove it at Cloudflare.',
      }),
    )
  if (file !== undefined && !reachable)
    rows.push(
      row('route-orphan', hostname, 'note', 'nothing', `our route ${file} in Traefik, which nobody reaches`, {
        fix: { kind: 'unroute', name: file, hostname },
      }),
    )
  if (rule !== undefined && !here && hostOfRule(rule) === hostname && toTraefik(rule, seen))
    rows.push(
      row('rule-orphan', hostname, 'note', 'nothing', 'a rule of the tunnel without a record', {
        fix: { kind: 'unrule', hostname, service: serviceOfRule(rule) },
      }),
    )
  return rows
}
