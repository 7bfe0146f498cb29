/** Who asked for what, what was decided and what became of it. Entries are added, never changed or deleted. */
import type { Surface } from '@homelab/core'
import type { Kysely, Selectable } from 'kysely'
import type { Audit, AuditEntry, Decision } from '../chat/audit.ts'
import type { Tables } from './schema.ts'

export interface AuditRecord extends AuditEntry {
  readonly seq: number
  readonly at: string
}

export interface StoredAudit extends Audit {
  /** The newest first. */
  list(filter: { readonly limit: number }): Promise<readonly AuditRecord[]>
}

export const auditOn = (db: Kysely<Tables>, now: () => Date): StoredAudit => ({
  async append({ caller, command, operation, decision, plan, run, result }) {
    const values = {
      at: now().toISOString(),
      caller_id: caller.id,
      caller_name: caller.name,
      surface: caller.surface,
      command,
      operation,
      decision,
      plan: plan ?? null,
      run: run ?? null,
      result: result ?? null,
    }
    await db.insertInto('audit').values(values).execute()
  },
  async list({ limit }) {
    const rows = await db.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(limit).execute()
    return rows.map(toRecord)
  },
})

const toRecord = (row: Selectable<Tables['audit']>): AuditRecord => ({
  seq: row.seq,
  at: row.at,
  caller: { id: row.caller_id, name: row.caller_name, surface: row.surface as Surface },
  command: row.command,
  operation: row.operation,
  decision: row.decision as Decision,
  ...(row.plan === null ? {} : { plan: row.plan }),
  ...(row.run === null ? {} : { run: row.run }),
  ...(row.result === null ? {} : { result: row.result }),
})
