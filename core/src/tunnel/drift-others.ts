/** What is there and nobody means, what nobody can see, and what is named nowhere. Pure. */

import { isUp, sameOrigin } from './checks.ts'
import { guarding } from './coverage.ts'
import type { Index, Place } from './drift-index.ts'
import { type DriftRow, row } from './drift-row.ts'
import { exposable } from './marks.ts'
import { hostOfRule, serviceOfRule, tunnelOfRecord } from './ownership.ts'
import type { Seen } from './seen.ts'

/** @param named services that have a host name, in lower case */
export function driftOfOthers(seen: Seen, index: Index, named: ReadonlySet<string>): readonly DriftRow[] {
  return [
    ...tunnelRows(seen),
    ...fileRows(seen),
    ...index.hostnames
      .map((hostname) => index.place(hostname))
      .flatMap((place) => (place.meant === undefined ? strayRows(place, seen, index) : [])),
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

/** A host name that neither the file nor a mark speaks of. */
function strayRows(place: Place, seen: Seen, index: Index): readonly DriftRow[] {
  const { hostname, record, wildRecord, rule, wildRule, routers, file } = place
  const { tunnel, tunnels, origin } = seen
  const leads = record === undefined ? undefined : tunnelOfRecord(record)
  const rows: DriftRow[] = []
  if (leads !== undefined && leads !== tunnel.id.toLowerCase()) {
    const other = tunnels.find(({ id }) => id.toLowerCase() === leads)
    if (other === undefined)
      rows.push(
        row(
          'dns-dead-tunnel',
          hostname,
          'warning',
          'nothing',
          `a record to a tunnel that is not in the account (${leads})`,
          { hint: 'It is not ours: remove it at Cloudflare.' },
        ),
      )
    else if (!isUp(other))
      rows.push(
        row(
          'dns-other-tunnel',
          hostname,
          'note',
          'nothing',
          `a record to the tunnel ${other.name}, which is ${other.status}`,
        ),
      )
  }
  const here = leads === tunnel.id.toLowerCase() || (record === undefined && wildRecord !== undefined)
  const through = rule ?? wildRule
  const toTraefik = through !== undefined && sameOrigin(serviceOfRule(through), origin)
  const reachable =
    here && through !== undefined && (!toTraefik || routers.some(({ status }) => status !== 'disabled'))
  if (reachable) {
    const open = index.coverage !== undefined && guarding(index.coverage(hostname)) === undefined
    const way = toTraefik ? (routers[0]?.name ?? 'Traefik') : serviceOfRule(through)
    rows.push(
      row(
        'unmeant',
        hostname,
        open ? 'warning' : 'note',
        'nothing in homelab.yaml',
        `reachable${open ? ' without a login' : ''}, by ${way}`,
        {
          hint: 'Add it to `network.routes`, or remove it at Cloudflare: its record is not ours.',
        },
      ),
    )
  } else if (leads === tunnel.id.toLowerCase())
    rows.push(
      row('dns-idle', hostname, 'note', 'nothing', 'a record to the tunnel, which has nothing for it', {
        hint: 'It is not ours: remove it at Cloudflare.',
      }),
    )
  if (file !== undefined && !reachable)
    rows.push(
      row('route-orphan', hostname, 'note', 'nothing', `our route ${file} in Traefik, which nobody reaches`, {
        fix: { kind: 'unroute', name: file, hostname },
      }),
    )
  if (rule !== undefined && !here && hostOfRule(rule) === hostname && sameOrigin(serviceOfRule(rule), origin))
    rows.push(
      row('rule-orphan', hostname, 'note', 'nothing', 'a rule of the tunnel without a record', {
        fix: { kind: 'unrule', hostname },
      }),
    )
  return rows
}
