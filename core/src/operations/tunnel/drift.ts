import { z } from 'zod'
import type { Button, Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { driftOf } from '../../tunnel/drift.ts'
import { severities } from '../../tunnel/drift-row.ts'
import { lookAround } from '../../tunnel/seen.ts'
import { networkNeeds } from '../../tunnel/types.ts'

const Row = z.object({
  /** What `tunnel fix` takes. */
  id: z.string(),
  kind: z.string(),
  /** A host name; else a service, a file or a place. */
  subject: z.string(),
  meant: z.string(),
  there: z.string(),
  severity: z.enum(severities),
  /** Whether `tunnel fix` can put it right. */
  fixable: z.boolean(),
  hint: z.string().optional(),
})
type Row = z.infer<typeof Row>

export const tunnelDrift = defineOperation({
  id: 'tunnel.drift',
  chat: 'tunnel drift',
  title: 'Compare what is exposed with what is meant',
  description:
    'Four ways: homelab.yaml, Traefik, the rules of the tunnel, and DNS with Access. What differs is named, with what can put it right.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({ all: z.boolean().default(false).describe('Also what is only noted') }),
  output: z.object({
    rows: z.array(Row),
    /** How many of the rows are more than notes. */
    wrong: z.int(),
    hostnames: z.int(),
  }),
  examples: ['tunnel drift', 'tunnel drift all:true'],
  needs: networkNeeds,
  run: async (_input, services, { signal }) => {
    const seen = await lookAround(services, signal)
    const rows = driftOf(seen).map(
      ({ fix, hint, ...row }): Row => ({
        ...row,
        fixable: fix !== undefined,
        ...(hint === undefined ? {} : { hint }),
      }),
    )
    return {
      rows,
      wrong: rows.filter(({ severity }) => severity !== 'note').length,
      hostnames: seen.settings.routes.length,
    }
  },
  failed: ({ wrong }) => wrong > 0,
  card: ({ rows, wrong, hostnames }, { all }) => {
    const shown = all ? rows : rows.filter(({ severity }) => severity !== 'note')
    const notes = rows.length - wrong
    const hidden = all || notes === 0 ? '' : `${notes} ${notes === 1 ? 'note' : 'notes'} with all:true`
    if (shown.length === 0)
      return {
        title: `All ${hostnames} host names are as they are meant`,
        tone: 'ok',
        ...(hidden === '' ? {} : { footer: hidden }),
      }
    const hints = [
      ...new Set(shown.flatMap(({ fixable, hint }) => (fixable || hint === undefined ? [] : [hint]))),
    ]
    return {
      title:
        wrong === 0 ? 'Nothing is wrong' : `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} not as meant`,
      tone: rows.some(({ severity }) => severity === 'critical') ? 'error' : wrong > 0 ? 'warning' : 'ok',
      sections: [
        // Lists, not a table: host names and reasons are long, and telephones narrow.
        ...severities.flatMap((severity): Section[] => {
          const rows = shown.filter((row) => row.severity === severity)
          if (rows.length === 0) return []
          const items = rows
            .slice(0, SHOWN)
            .map((row) => `${row.subject}: ${row.there}. Meant: ${row.meant}.`)
          const more = rows.length - items.length
          return [
            {
              kind: 'list',
              title: titles[severity],
              items: more > 0 ? [...items, `and ${more} more`] : items,
            },
          ]
        }),
        ...(hints.length === 0
          ? []
          : [{ kind: 'list' as const, title: 'By hand', items: hints.slice(0, 10) }]),
      ],
      buttons: shown
        .filter(({ fixable }) => fixable)
        .slice(0, 4)
        .map(
          (row): Button => ({
            label: `Fix ${row.subject}`.slice(0, 75),
            action: { kind: 'command', text: `tunnel fix ${row.id}` },
          }),
        ),
      ...(hidden === '' ? {} : { footer: hidden }),
    }
  },
})

const SHOWN = 15

const titles: Record<Row['severity'], string> = {
  critical: 'At once',
  warning: 'Not as meant',
  note: 'To know',
}
