import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { readMark, tunnelOfRecord } from '../../tunnel/ownership.ts'
import { tunnelOf } from '../../tunnel/where.ts'

const Row = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string(),
  proxied: z.boolean(),
  ttl: z.number(),
  comment: z.string().optional(),
  /** The service that it was made for from here; absent: it is not ours. */
  service: z.string().optional(),
  /** ISO 8601: when it is taken back. */
  until: z.string().optional(),
  /** It leads to the tunnel. */
  here: z.boolean(),
})
type Row = z.infer<typeof Row>

const SHOWN = 50

export const dnsList = defineOperation({
  id: 'dns.list',
  chat: 'dns list',
  title: 'List the DNS records at Cloudflare',
  description: 'Those of the domain that lead to a tunnel or were made from here; with all:true every one.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    text: z.string().max(253).optional().describe('Only those with this in the name, content or comment'),
    all: z.boolean().default(false).describe('Also what has nothing to do with the tunnel'),
  }),
  output: z.object({ zone: z.string(), records: z.array(Row), total: z.int() }),
  positional: ['text'],
  examples: ['dns list', 'dns list jellyfin all:true'],
  needs: ['network'],
  run: async ({ text, all }, { network }, { signal }) => {
    const { domain, routes } = network.settings()
    const name = domain ?? routes[0]?.hostname
    if (name === undefined)
      throw new HomelabError('config', 'homelab.yaml names no domain.', { hint: 'Set `network.domain`.' })
    const zone = await network.recent.zone(name, signal)
    const [tunnel, records] = await Promise.all([
      tunnelOf(network, signal),
      network.cloudflare.dnsRecords(zone.id, {}, signal),
    ])
    const wanted = text?.toLowerCase()
    const rows = records.map(({ zone: _, modifiedAt: __, ...record }): Row => {
      const mark = readMark(record)
      return {
        ...record,
        ...(mark === undefined ? {} : { service: mark.service }),
        ...(mark?.until === undefined ? {} : { until: mark.until }),
        here: tunnelOfRecord(record) === tunnel.id.toLowerCase(),
      }
    })
    return {
      zone: zone.name,
      records: rows
        .filter((row) => all || row.service !== undefined || tunnelOfRecord(row) !== undefined)
        .filter(
          (row) =>
            wanted === undefined ||
            [row.name, row.content, row.comment ?? ''].some((part) => part.toLowerCase().includes(wanted)),
        ),
      total: rows.length,
    }
  },
  card: ({ zone, records, total }) => ({
    title: `${records.length} of ${total} records of ${zone}`,
    tone: 'neutral',
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'Name' }, { name: 'Leads to' }, { name: 'By' }],
        rows: records
          .slice(0, SHOWN)
          .map((row): Cell[] => [
            row.name,
            row.here
              ? row.proxied
                ? 'the tunnel'
                : { text: 'the tunnel, not proxied: nowhere', tone: 'error' }
              : tunnelOfRecord(row) === undefined
                ? `${row.type} ${row.content}`
                : { text: 'another tunnel', tone: 'warning' },
            row.service === undefined
              ? 'others'
              : `homelab (${row.service}${row.until === undefined ? '' : `, until ${row.until.slice(0, 10)} ${row.until.slice(11, 16)} UTC`})`,
          ]),
      },
    ],
    ...(records.length > SHOWN ? { footer: `the first ${SHOWN}` } : {}),
  }),
})
