/** What of a tunnel does not fit together: rules, DNS and Access, and what the node says is meant. Pure. */
import { isUp } from '../../tunnel/checks.ts'
import { guarding } from '../../tunnel/coverage.ts'
import { type Index, indexOf, nameOfRule, type Place, throughOf } from '../../tunnel/drift-index.ts'
import { ledBy } from '../../tunnel/drift-record.ts'
import { type DriftRow, inOrder, row } from '../../tunnel/drift-row.ts'
import { serviceOfRule } from '../../tunnel/ownership.ts'
import type { Seen } from '../../tunnel/seen.ts'

/** What no homelab.yaml says here, in the form of DNS. */
export interface Meant {
  /** All names that there should be; empty: nobody says. */
  readonly hostnames: ReadonlySet<string>
  /** Without a login. */
  readonly public: ReadonlySet<string>
}

/** The worst first. */
export function driftOf(seen: Seen, meant: Meant): readonly DriftRow[] {
  const index = indexOf(seen)
  const hostnames = new Set([
    ...seen.rules.flatMap(({ hostname }) => (typeof hostname === 'string' ? [hostname.toLowerCase()] : [])),
    ...index.hostnames,
    ...meant.hostnames,
    ...meant.public,
  ])
  return inOrder([
    ...tunnelRows(seen),
    ...wildRows(index),
    ...[...hostnames]
      .filter((name) => name !== '' && !name.includes('*'))
      .flatMap((name) => rowsOf(index.place(name), seen, meant, index)),
  ])
}

/** Names that are written nowhere: only what answers behind the tunnel knows which of them lead somewhere. */
function wildRows(index: Index): readonly DriftRow[] {
  return index.wildcards.flatMap(({ name, any }) => {
    const through = throughOf(any) ?? any.paths[0]
    if (through === undefined) return []
    const open = index.coverage !== undefined && guarding(index.coverage(any.hostname)) === undefined
    return [
      row(
        'wildcard',
        name,
        open ? 'warning' : 'note',
        'names one by one',
        `every name below leads to ${serviceOfRule(through)}, by ${nameOfRule(through)}${open ? ', without a login' : ''}`,
        { hint: 'It cannot be told from here which names that opens. Put Access before it, or delete it.' },
      ),
    ]
  })
}

function tunnelRows({ tunnel, unseen }: Seen): readonly DriftRow[] {
  const down = isUp(tunnel)
    ? []
    : [
        row('tunnel-down', tunnel.name, 'critical', 'connected', tunnel.status, {
          hint: 'Look at cloudflared where it runs.',
        }),
      ]
  return [...down, ...unseen.map(({ what, why }) => row('unseen', what, 'note', 'can be looked at', why))]
}

function rowsOf(place: Place, seen: Seen, meant: Meant, index: Index): readonly DriftRow[] {
  const { hostname, record, wildRecord, rule, shadow, paths } = place
  const led = record === undefined ? wildRecord !== undefined : ledBy(record, seen).to === 'here'
  const through = throughOf(place) ?? paths[0]
  const rows = [...recordRows(place, seen, meant)]
  if (led && through === undefined && rule === undefined)
    rows.push(
      row('rule-missing', hostname, 'warning', 'a rule of the tunnel', 'a record that leads to nothing', {
        hint: 'Add the host name, or delete its record.',
      }),
    )
  if (rule !== undefined && shadow !== undefined)
    rows.push(
      row(
        'rule-shadowed',
        hostname,
        'warning',
        `a rule to ${serviceOfRule(rule)}`,
        `the rule of ${String(shadow.hostname ?? 'everything')} before it takes its requests`,
        { hint: 'Add the host name once more: it is put before that one.' },
      ),
    )
  if (led && through !== undefined) rows.push(...reachableRows(place, seen, meant, index))
  return rows
}

function recordRows(
  { hostname, record, mark, wildRecord, rule, wildRule }: Place,
  seen: Seen,
  meant: Meant,
): readonly DriftRow[] {
  const wanted = meant.hostnames.has(hostname) || meant.public.has(hostname)
  const led = `a proxied record to the tunnel ${seen.tunnel.name}`
  const ours = mark !== undefined || wanted || rule !== undefined
  if (record === undefined) {
    if (wildRecord !== undefined || !(wanted || rule !== undefined)) return []
    // Of a zone that cannot be seen nothing is known.
    if (!wanted && seen.records.length === 0) return []
    const there = rule === undefined && wildRule === undefined ? 'neither a record nor a rule' : 'no record'
    return [
      row('dns-missing', hostname, 'warning', led, there, {
        hint: 'Add the host name; or remove its rule, with "Leftover".',
      }),
    ]
  }
  const { to, kind, there, up } = ledBy(record, seen)
  // What leads elsewhere, and somebody else made, is their business; a tunnel that nobody runs is not.
  if (kind === undefined || (!ours && (to === 'elsewhere' || (to === 'other' && up)))) return []
  const severity = to === 'dead' && ours ? 'critical' : to === 'other' && !ours ? 'note' : 'warning'
  const means = ours || to === 'idle' ? led : 'nothing'
  return [row(kind, hostname, severity, means, there, byHand)]
}

const byHand = { hint: 'Change or delete the record at Cloudflare.' }

function reachableRows(place: Place, seen: Seen, meant: Meant, { coverage }: Index): readonly DriftRow[] {
  const { hostname, mark } = place
  if (mark?.until !== undefined && new Date(mark.until) <= seen.now)
    return [
      row('expired', hostname, 'critical', `there until ${mark.until}`, 'still there', {
        hint: 'Remove the host name.',
      }),
    ]
  const rows: DriftRow[] = []
  const listed = meant.hostnames.has(hostname) || meant.public.has(hostname)
  if (meant.hostnames.size > 0 && !listed && mark === undefined)
    rows.push(
      row('unmeant', hostname, 'warning', 'nothing', 'reachable, and made by somebody else', {
        hint: 'Add it to the list of what is meant, or remove it at Cloudflare.',
      }),
    )
  if (coverage === undefined) return rows
  const app = coverage(hostname)
  const guard = guarding(app)
  const open = meant.public.has(hostname) || (mark?.open === true && !meant.hostnames.has(hostname))
  if (open && guard !== undefined && meant.public.has(hostname))
    rows.push(
      row('access-unmeant', hostname, 'warning', 'open to everyone', `behind "${guard.name}"`, {
        hint: 'Take it from the public host names, or remove the application at Cloudflare.',
      }),
    )
  if (!open && guard === undefined)
    rows.push(
      row(
        app === undefined ? 'access-missing' : 'access-open',
        hostname,
        mark === undefined ? 'warning' : 'critical',
        'behind a login',
        app === undefined ? 'reachable without one' : `"${app.name}" lets everybody in`,
        { hint: 'Put Access before it, or add it to the public host names.' },
      ),
    )
  return rows
}
