/** How the entries of the audit log hang together. docs/audit.md says the same, for whoever checks an export without us. */
import { createHash } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { Tables } from './schema.ts'

export type AuditRow = Selectable<Tables['audit']>

/** What the first entry of all follows. */
export const start = '0'.repeat(64)

/**
 * SHA-256, hex, over the hash before it and every field: a JSON array, so that no text can pass for the end of another.
 * @param previous of the entry before, or `start`
 */
export function hashOf(previous: string, row: Omit<AuditRow, 'hash'>): string {
  const fields = [
    previous,
    row.seq,
    row.at,
    row.caller_id,
    row.caller_name,
    row.surface,
    row.channel,
    row.command,
    row.operation,
    row.decision,
    row.plan,
    row.approval,
    row.run,
    row.result,
  ]
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}

/**
 * The hash that the entry after this one follows. Entries of before the chain have none in the file: theirs are worked out
 * in the same way, so that the first entry of the chain covers them all.
 */
export const linkOf = (previous: string, row: AuditRow): string => row.hash ?? hashOf(previous, row)
