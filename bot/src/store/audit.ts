/** Who asked for what, what was decided and what became of it. Entries are added, never changed or deleted. */
import type { AuditLog, Surface } from '@homelab/core'
import { type Kysely, sql } from 'kysely'
import type { Audit, AuditEntry, Decision } from '../chat/audit.ts'
import { type AuditRow, hashOf, linkOf, start } from './audit-chain.ts'
import { lastSeq, rowsAfter, verifyLog } from './audit-verify.ts'
import type { Tables } from './schema.ts'

export interface AuditRecord extends AuditEntry {
  readonly seq: number
  readonly at: string
  /** Absent on entries of before the chain. */
  readonly hash?: string
}

export interface StoredAudit extends Audit, AuditLog {
  list(filter: Parameters<AuditLog['list']>[0]): Promise<readonly AuditRecord[]>
  get(seq: number): Promise<AuditRecord | undefined>
}

/** Rows that a search looks at in one go. */
const pageSize = 500

export function auditOn(db: Kysely<Tables>, now: () => Date): StoredAudit {
  let writing: Promise<unknown> = Promise.resolve()

  async function* newestFirst(below: number | undefined, since: string | undefined, size: number) {
    let query = db.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(size)
    if (since !== undefined) query = query.where('at', '>=', since)
    for (let before = below; ; ) {
      const rows = await (before === undefined ? query : query.where('seq', '<', before)).execute()
      yield rows.map(toRecord)
      if (rows.length < size) return
      before = rows.at(-1)?.seq
      // Looking through years must not hold up what the bot has to answer meanwhile.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  return {
    append(entry) {
      // One after the other, in the order of the calls: the chain is that order.
      const written = writing.then(() => add(db, entry, now))
      writing = written.catch(() => {})
      return written
    },
    async list({ limit, text, since, before }) {
      const needle = text?.toLowerCase()
      const found: AuditRecord[] = []
      const size = needle === undefined ? Math.min(limit, pageSize) : pageSize
      for await (const records of newestFirst(before, since, size)) {
        found.push(...records.filter((record) => needle === undefined || says(record, needle)))
        if (found.length >= limit) break
      }
      return found.slice(0, limit)
    },
    async get(seq) {
      const row = await db.selectFrom('audit').selectAll().where('seq', '=', seq).executeTakeFirst()
      return row === undefined ? undefined : toRecord(row)
    },
    verify: (options = {}) => verifyLog(db, options),
  }
}

/** In one transaction that no other process can come between. */
const add = (db: Kysely<Tables>, entry: AuditEntry, now: () => Date): Promise<void> =>
  db.connection().execute(async (connection) => {
    await sql`BEGIN IMMEDIATE`.execute(connection)
    try {
      if (await isTold(connection, entry)) return void (await sql`ROLLBACK`.execute(connection))
      const row = { ...rowOf(entry), at: now().toISOString(), ...(await placeOf(connection)) }
      const { previous, ...fields } = row
      await connection
        .insertInto('audit')
        .values({ ...fields, hash: hashOf(previous, fields) })
        .execute()
      await sql`COMMIT`.execute(connection)
    } catch (error) {
      await sql`ROLLBACK`.execute(connection).catch(() => {})
      throw error
    }
  })

const endings: readonly Decision[] = ['succeeded', 'failed', 'cancelled']

/** A run ends once, also when the bot died between saying so here and saying so on the card. */
async function isTold(db: Kysely<Tables>, { run, decision }: AuditEntry): Promise<boolean> {
  if (run === undefined || !endings.includes(decision)) return false
  const told = await db
    .selectFrom('audit')
    .select('seq')
    .where('run', '=', run)
    .where('decision', '=', decision)
    .executeTakeFirst()
  return told !== undefined
}

async function placeOf(db: Kysely<Tables>): Promise<{ readonly seq: number; readonly previous: string }> {
  const newest = await db
    .selectFrom('audit')
    .select(['seq', 'hash'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  // Not only the newest's: when entries were cut off at the end, the hole stays for all to see.
  const seq = Math.max(newest?.seq ?? 0, await lastSeq(db)) + 1
  return { seq, previous: newest?.hash ?? (await linkOfAll(db)) }
}

/** For the first entry of the chain: what all that stood there before comes to. */
async function linkOfAll(db: Kysely<Tables>): Promise<string> {
  let link = start
  for await (const row of rowsAfter(db, Number.MIN_SAFE_INTEGER)) link = linkOf(link, row)
  return link
}

function rowOf(entry: AuditEntry): Omit<AuditRow, 'seq' | 'at' | 'hash'> {
  const { caller, command, operation, decision, channel, plan, approval, run, result } = entry
  return {
    caller_id: stored(caller.id),
    caller_name: stored(caller.name),
    surface: caller.surface,
    channel: optional(channel),
    command: stored(command),
    operation,
    decision,
    plan: optional(plan),
    approval: optional(approval),
    run: optional(run),
    result: optional(result),
  }
}

/** As the file will give it back: half an emoji, where a text was cut, is not kept as it is. */
const stored = (text: string): string => text.toWellFormed()
const optional = (text: string | undefined): string | null => (text === undefined ? null : stored(text))

/** A hash is only found by a good part of it: any short word of a to f would be in some. */
const says = ({ caller, hash, seq: _, ...rest }: AuditRecord, needle: string): boolean =>
  [
    caller.id,
    caller.name,
    caller.surface,
    ...Object.values(rest),
    needle.length < 8 ? '' : (hash ?? ''),
  ].some((part) => part.toLowerCase().includes(needle))

const toRecord = (row: AuditRow): AuditRecord => ({
  seq: row.seq,
  at: row.at,
  caller: { id: row.caller_id, name: row.caller_name, surface: row.surface as Surface },
  ...(row.channel === null ? {} : { channel: row.channel }),
  command: row.command,
  operation: row.operation,
  decision: row.decision as Decision,
  ...(row.plan === null ? {} : { plan: row.plan }),
  ...(row.approval === null ? {} : { approval: row.approval }),
  ...(row.run === null ? {} : { run: row.run }),
  ...(row.result === null ? {} : { result: row.result }),
  ...(row.hash === null ? {} : { hash: row.hash }),
})
