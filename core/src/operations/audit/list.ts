import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { AuditRow, decisionCell, timeOf } from './entry.ts'
import { sinceInput, sinceTime } from './since.ts'

export const auditList = defineOperation({
  id: 'audit.list',
  chat: 'audit list',
  title: 'List the audit log',
  description:
    'Who asked for which change, what was decided and how it ended, newest first. A text is looked for in every part.',
  risk: 'read',
  permission: 'admin',
  rare: true,
  private: true,
  input: z.object({
    text: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('Only entries with this text: a name, a service, an id'),
    limit: z.int().min(1).max(200).default(25).describe('How many'),
    since: sinceInput.optional().describe('Only newer than this: 12h, 2d, today, 2026-11-23'),
    before: z.int().min(1).optional().describe('Only entries before this number'),
  }),
  output: z.object({ entries: z.array(AuditRow) }),
  positional: ['text'],
  examples: ['audit list', 'audit list plex since:2d', 'audit list denied limit:100'],
  needs: ['audit', 'clock'],
  run: async ({ text, limit, since, before }, { audit, clock }) => ({
    entries: [
      ...(await audit.list({
        limit,
        ...(text === undefined ? {} : { text }),
        ...(since === undefined ? {} : { since: sinceTime(since, clock.now()) }),
        ...(before === undefined ? {} : { before }),
      })),
    ],
  }),
  card: ({ entries }, { text, limit, since }) => {
    const last = entries.at(-1)
    if (last === undefined) return { title: 'No such entries in the audit log', tone: 'neutral' }
    const filter =
      (text === undefined ? '' : ` ${quoted(text)}`) + (since === undefined ? '' : ` since:${quoted(since)}`)
    return {
      title: entries.length === 1 ? '1 entry of the audit log' : `${entries.length} entries of the audit log`,
      tone: 'neutral',
      sections: [
        {
          kind: 'table',
          columns: [
            { name: 'No', align: 'right' },
            { name: 'At' },
            { name: 'Who' },
            { name: 'Command' },
            { name: 'Decision' },
            { name: 'How it ended' },
          ],
          rows: entries.map((entry) => [
            String(entry.seq),
            timeOf(entry),
            entry.caller.name,
            entry.command,
            decisionCell(entry),
            entry.result ?? entry.approval ?? '',
          ]),
        },
      ],
      ...(entries.length < limit || last.seq <= 1
        ? {}
        : {
            buttons: [
              {
                label: 'Older',
                action: {
                  kind: 'command',
                  text: `audit list${filter} limit:${limit} before:${last.seq}`,
                },
              },
            ],
          }),
      footer: 'times in UTC · `audit show <number>` has all of an entry',
    }
  },
})

/** In quotes whatever could be read as something else: a text may look like an option. */
const quoted = (text: string): string =>
  /^[\w.@-]+$/.test(text) ? text : text.includes('"') ? `'${text}'` : `"${text}"`
