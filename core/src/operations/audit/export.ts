import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { AuditLog, AuditView } from '../../operation/services.ts'
import { bytes } from '../../operation/view.ts'
import { sinceInput, sinceTime } from './since.ts'

/** UTF-16 units. Fits in a file of any chat, and is years of a home lab. */
const MAX_TEXT = 4_000_000
const PAGE = 500

export const auditExport = defineOperation({
  id: 'audit.export',
  chat: 'audit export',
  title: 'Export the audit log',
  description:
    'A file of one JSON object a line, oldest first, with hashes, so that it can be verified without the bot. In a terminal: `audit export > audit.ndjson`.',
  risk: 'read',
  permission: 'admin',
  rare: true,
  private: true,
  input: z.object({
    since: sinceInput.optional().describe('Only newer than this: 12h, 30d, today, 2026-11-23'),
    before: z.int().min(1).optional().describe('Only entries before this number'),
  }),
  output: z.object({
    entries: z.int(),
    first: z.int().optional(),
    last: z.int().optional(),
    /** Hash of the last entry. */
    head: z.string().optional(),
    /** There are entries before `first` that had no room. */
    more: z.boolean(),
    ndjson: z.string(),
  }),
  positional: ['since'],
  examples: ['audit export', 'audit export 30d'],
  needs: ['audit', 'clock'],
  run: async ({ since, before }, { audit, clock }, { signal }) => {
    const from = since === undefined ? undefined : sinceTime(since, clock.now())
    const { lines, first, last, more } = await collect(audit, from, before, signal)
    return {
      entries: lines.length,
      ...(first === undefined ? {} : { first: first.seq }),
      ...(last === undefined ? {} : { last: last.seq }),
      ...(last?.hash === undefined ? {} : { head: last.hash }),
      more,
      ndjson: lines.map((line) => `${line}\n`).join(''),
    }
  },
  card: ({ entries, first, last, head, more, ndjson }) => {
    if (first === undefined || last === undefined)
      return { title: 'No such entries in the audit log', tone: 'neutral' }
    return {
      title: entries === 1 ? 'Audit log, 1 entry' : `Audit log, ${entries} entries`,
      tone: more ? 'warning' : 'neutral',
      sections: [
        {
          kind: 'fields',
          fields: [
            { name: 'Entries', value: `${first} to ${last}` },
            { name: 'Size', value: bytes(ndjson.length) },
            ...(head === undefined ? [] : [{ name: 'Head', value: head }]),
          ],
        },
        ...(more
          ? [
              {
                kind: 'text' as const,
                text: `There was no room for those before ${first}: export them after this.`,
              },
            ]
          : []),
      ],
      ...(more
        ? {
            buttons: [
              {
                label: 'The ones before',
                action: { kind: 'command' as const, text: `audit export before:${first}` },
              },
            ],
          }
        : {}),
      attachments: [{ name: `audit-${first}-${last}.ndjson`, type: 'application/x-ndjson', text: ndjson }],
    }
  },
})

interface Collected {
  /** Oldest first. */
  readonly lines: readonly string[]
  readonly first?: AuditView
  readonly last?: AuditView
  readonly more: boolean
}

async function collect(
  audit: AuditLog,
  since: string | undefined,
  below: number | undefined,
  signal: AbortSignal,
): Promise<Collected> {
  const lines: string[] = []
  let first: AuditView | undefined
  let last: AuditView | undefined
  let size = 0
  let more = false
  while (!more) {
    signal.throwIfAborted()
    const before = first?.seq ?? below
    const page = await audit.list({
      limit: PAGE,
      ...(since === undefined ? {} : { since }),
      ...(before === undefined ? {} : { before }),
    })
    for (const entry of page) {
      const line = JSON.stringify(entry)
      size += line.length + 1
      more = size > MAX_TEXT
      if (more) break
      lines.push(line)
      last ??= entry
      first = entry
    }
    if (page.length < PAGE) break
  }
  return {
    lines: lines.reverse(),
    more,
    ...(first === undefined ? {} : { first }),
    ...(last === undefined ? {} : { last }),
  }
}
