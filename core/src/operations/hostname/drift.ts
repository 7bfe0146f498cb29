/** What of a tunnel does not fit together: rules, DNS and Access, and what the node says is meant. Pure. */
import { isUp } from '../../tunnel/checks.ts'
import { guarding } from '../../tunnel/coverage.ts'
import { type Index, indexOf, nameOfRule, type Place, throughOf } from '../../tunnel/drift-index.ts'
import { type DriftRow, inOrder, row } from '../../tunnel/drift-row.ts'
import { serviceOfRule, takesName, tunnelOfRecord } from '../../tunnel/ownership.ts'
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
    ...wildRows(seen, index),
    ...[...hostnames]
      .filter((name) => name !== '' && !name.includes('*'))
      .flatMap((name) => rowsOf(index.place(name), seen, meant, index)),
  ])
}

/** Names that are written nowhere: only what answers behind the tunnel knows which of them lead somewhere. */
function wildRows({ records, tunnel }: Seen, index: Index): readonly DriftRow[] {
  return records.flatMap((record) => {
    const { name } = record
    if (!name.startsWith('*.') || tunnelOfRecord(record) !== tunnel.id.toLowerCase()) return []
    const any = index.place(`homelab-any-name${name.slice(1)}`.toLowerCase())
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
  const here = tunnelOfRecord(record ?? noRecord) === seen.tunnel.id.toLowerCase()
  const led = (here && record?.proxied === true) || (record === undefined && wildRecord !== undefined)
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

const noRecord = { type: '', content: '' }

function recordRows(
  { hostname, record, mark, wildRecord, rule, wildRule }: Place,
  { tunnel, tunnels, records }: Seen,
  meant: Meant,
): readonly DriftRow[] {
  const wanted = meant.hostnames.has(hostname) || meant.public.has(hostname)
  const led = `a proxied record to the tunnel ${tunnel.name}`
  const ours = mark !== undefined || wanted || rule !== undefined
  if (record === undefined) {
    if (wildRecord !== undefined || !(wanted || rule !== undefined)) return []
    // Of a zone that cannot be seen nothing is known.
    if (!wanted && records.length === 0) return []
    const there = rule === undefined && wildRule === undefined ? 'neither a record nor a rule' : 'no record'
    return [
      row('dns-missing', hostname, 'warning', led, there, {
        hint: 'Add the host name; or remove its rule, with "Leftover".',
      }),
    ]
  }
  if (!takesName(record)) return []
  const leads = tunnelOfRecord(record)
  if (leads === undefined)
    return ours
      ? [row('dns-elsewhere', hostname, 'warning', led, `${record.type} ${record.content}`, byHand)]
      : []
  if (leads === tunnel.id.toLowerCase())
    return record.proxied
      ? []
      : [
          row(
            'dns-unproxied',
            hostname,
            'warning',
            led,
            'a record that is not proxied: it leads nowhere',
            byHand,
          ),
        ]
  const other = tunnels.find(({ id }) => id.toLowerCase() === leads)
  if (other === undefined)
    return [
      row(
        'dns-dead-tunnel',
        hostname,
        ours ? 'critical' : 'warning',
        ours ? led : 'nothing',
        `a record to a tunnel that is not in the account (${leads})`,
        byHand,
      ),
    ]
  if (!ours && isUp(other)) return []
  return [
    row(
      'dns-other-tunnel',
      hostname,
      ours ? 'warning' : 'note',
      ours ? led : 'nothing',
      `a record to the tunnel ${other.name}, which is ${other.status}`,
      byHand,
    ),
  ]
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
