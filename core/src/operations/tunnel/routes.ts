import { z } from 'zod'
import { ruleName, unreachable } from '../../cloudflare/index.ts'
import type { DnsRecord } from '../../cloudflare/types.ts'
import { isHomelabError } from '../../errors.ts'
import type { Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { coverageBy, guarding } from '../../tunnel/coverage.ts'
import { ingressOf } from '../../tunnel/ingress.ts'
import {
  enforcedBy,
  hostOfRule,
  readMark,
  serviceOfRule,
  takesName,
  tunnelOfRecord,
} from '../../tunnel/ownership.ts'
import { tunnelOf } from '../../tunnel/where.ts'

const Row = z.object({
  /** `everything else` for the last one. */
  name: z.string(),
  hostname: z.string().optional(),
  path: z.string().optional(),
  /** Where it leads. */
  service: z.string(),
  /** The application that stands before it; absent: none, or they cannot be seen. */
  access: z.string().optional(),
  /** cloudflared itself asks for the login too. */
  enforced: z.boolean(),
  /** `none`, `here`, `elsewhere`; absent for a wildcard and for everything else. */
  dns: z.enum(['none', 'here', 'elsewhere']).optional(),
  /** Exposed from here. */
  ours: z.boolean(),
  /** ISO 8601: when it is taken back. */
  until: z.string().optional(),
  /** The rule before it that takes all of its requests. */
  shadowedBy: z.string().optional(),
})
type Row = z.infer<typeof Row>

/** A record of ours, in whatever zone, and whether or not the tunnel has a rule for it. */
const Marked = z.object({
  hostname: z.string(),
  service: z.string(),
  /** ISO 8601: when it is taken back. */
  until: z.string().optional(),
})
type Marked = z.infer<typeof Marked>

export const tunnelRoutes = defineOperation({
  id: 'tunnel.routes',
  chat: 'tunnel routes',
  title: 'List what goes through the tunnel',
  description: "The tunnel's rules in their order, each with its DNS record and with who has to log in.",
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    tunnel: z.string(),
    rows: z.array(Row),
    marks: z.array(Marked),
    /** Whether Access could be looked at. */
    accessSeen: z.boolean(),
  }),
  needs: ['lab', 'shells', 'clock', 'network'],
  run: async (_input, services, { signal }) => {
    const { network } = services
    const { cloudflare, recent } = network
    const tunnel = await tunnelOf(network, signal)
    const rules = await ingressOf(tunnel.id, services).read(signal)
    const apps = await cloudflare.accessApps(signal).catch((error: unknown) => {
      if (isHomelabError(error) && error.code === 'unauthorised') return undefined
      throw error
    })
    const zones = new Set<string>()
    const all = await cloudflare.zones(signal)
    for (const rule of rules) {
      const host = hostOfRule(rule)?.replace(/^\*\./, '')
      // Another account's zone, which this token does not see, has no records to show.
      if (host !== undefined) await recent.zone(host, signal).then(({ id }) => zones.add(id), passNotFound)
    }
    const recordsOf = (zone: string) => cloudflare.dnsRecords(zone, {}, signal)
    const [own, others] = await Promise.all([
      Promise.all([...zones].map(recordsOf)),
      // Where the token may not read records, it made none.
      Promise.all(all.filter(({ id }) => !zones.has(id)).map(({ id }) => recordsOf(id).catch(noneIfDenied))),
    ])
    const records = [...own, ...others].flat()
    const named = new Map(records.filter(takesName).map((record) => [record.name.toLowerCase(), record]))
    const coverage = coverageBy(apps ?? [])
    const shadows = new Map(unreachable(rules).map(({ rule, by }) => [rule, by]))
    return {
      tunnel: tunnel.name,
      accessSeen: apps !== undefined,
      marks: [...named].flatMap(([hostname, record]): Marked[] => {
        const mark = readMark(record)
        if (mark === undefined) return []
        const { service, until } = mark
        return [{ hostname, service, ...(until === undefined ? {} : { until }) }]
      }),
      rows: rules.map((rule): Row => {
        const hostname = hostOfRule(rule)
        const record = hostname === undefined ? undefined : named.get(hostname)
        const mark = record === undefined ? undefined : readMark(record)
        const app = hostname === undefined ? undefined : guarding(coverage(hostname))
        const shadow = shadows.get(rule)
        return {
          name: ruleName(rule),
          ...(hostname === undefined ? {} : { hostname }),
          ...(typeof rule.path === 'string' && rule.path !== '' ? { path: rule.path } : {}),
          service: serviceOfRule(rule),
          ...(app === undefined ? {} : { access: app.name }),
          enforced: enforcedBy(rule) !== undefined,
          ...(hostname === undefined || hostname.startsWith('*') ? {} : { dns: dnsOf(record, tunnel.id) }),
          ours: mark !== undefined,
          ...(mark?.until === undefined ? {} : { until: mark.until }),
          ...(shadow === undefined ? {} : { shadowedBy: ruleName(shadow) }),
        }
      }),
    }
  },
  card: ({ tunnel, rows, marks, accessSeen }) => {
    const named = rows.filter(({ hostname }) => hostname !== undefined)
    const ruled = new Set(named.map(({ hostname }) => hostname))
    const ruleless = marks.filter(({ hostname }) => !ruled.has(hostname))
    const usual = commonest(named.map(({ service }) => service))
    return {
      title: `${named.length} ${named.length === 1 ? 'route' : 'routes'} through the tunnel ${tunnel}`,
      tone: 'neutral',
      ...(usual === undefined ? {} : { text: `To ${usual}, unless it says otherwise.` }),
      sections: [
        {
          kind: 'table',
          columns: [{ name: 'Host name' }, { name: 'For' }],
          rows: rows.map((row): Cell[] => [
            row.service === usual ? row.name : `${row.name} to ${row.service}`,
            whoCell(row, accessSeen),
          ]),
        },
        ...(ruleless.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                title: 'A record of ours, and no rule',
                items: ruleless.map(
                  ({ hostname, service, until }) => `${hostname} for ${service}${untilWords(until)}`,
                ),
              },
            ]),
      ],
      ...(accessSeen ? {} : { footer: 'Access cannot be looked at by this token' }),
      buttons: [{ label: 'Compare', action: { kind: 'command', text: 'tunnel drift' } }],
    }
  },
})

/** undefined for none. */
function commonest(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0]
}

const passNotFound = (error: unknown): void => {
  if (!isHomelabError(error) || error.code !== 'not-found') throw error
}

const noneIfDenied = (error: unknown): readonly DnsRecord[] => {
  if (!isHomelabError(error) || error.code !== 'unauthorised') throw error
  return []
}

function dnsOf(
  record: Parameters<typeof tunnelOfRecord>[0] | undefined,
  tunnel: string,
): NonNullable<Row['dns']> {
  if (record === undefined) return 'none'
  return tunnelOfRecord(record) === tunnel.toLowerCase() ? 'here' : 'elsewhere'
}

const untilWords = (until: string | undefined): string =>
  until === undefined ? '' : `, until ${until.slice(0, 10)} ${until.slice(11, 16)} UTC`

function whoCell(row: Row, accessSeen: boolean): Cell {
  if (row.hostname === undefined) return '–'
  if (row.shadowedBy !== undefined) return { text: `never: ${row.shadowedBy} is before it`, tone: 'warning' }
  if (row.dns === 'none') return { text: 'nobody: no DNS record', tone: 'warning' }
  if (row.dns === 'elsewhere') return { text: 'nobody: its record leads elsewhere', tone: 'warning' }
  const until = untilWords(row.until)
  if (!accessSeen) return `unknown${until}`
  return row.access === undefined ? `everyone${until}` : { text: `who logs in${until}`, tone: 'ok' }
}
