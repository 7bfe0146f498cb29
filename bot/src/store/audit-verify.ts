/** Reads the whole audit log and finds the first entry that is not what was written, and why. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { AuditCheck } from '@homelab/core'
import { type Kysely, sql } from 'kysely'
import { type AuditRow, hashOf, linkOf, start } from './audit-chain.ts'
import type { Tables } from './schema.ts'

/** Entries in memory at a time; hashing so many holds up the other work of the process for a few milliseconds. */
const pageSize = 500

/** How many entries may have been taken out, and the rest renumbered, for it to be recognised as that. */
const renumbered = 1_000

/** Oldest first, as the log stands when it is asked for. Other work goes on between two pages. */
export async function* rowsAfter(
  db: Kysely<Tables>,
  seq: number,
  signal?: AbortSignal,
): AsyncGenerator<AuditRow> {
  const { end } = await db
    .selectFrom('audit')
    .select(sql<number | null>`max(seq)`.as('end'))
    .executeTakeFirstOrThrow()
  for (let after = seq; end !== null && after < end; ) {
    signal?.throwIfAborted()
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', after)
      .where('seq', '<=', end)
      .orderBy('seq')
      .limit(pageSize)
      .execute()
    yield* rows
    after = rows.at(-1)?.seq ?? end
    await breathe()
  }
}

/** The number of the newest entry that there ever was. */
export async function lastSeq(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ seq: number }>`SELECT seq FROM sqlite_sequence WHERE name = 'audit'`.execute(
    db,
  )
  return rows[0]?.seq ?? 0
}

interface Place {
  readonly seq: number
  readonly hash: string
}

export async function verifyLog(
  db: Kysely<Tables>,
  { head, signal }: { readonly head?: string; readonly signal?: AbortSignal },
): Promise<AuditCheck> {
  let before: Place = { seq: 0, hash: start }
  let newest: string | undefined
  let found = head === undefined
  const { entries } = await db
    .selectFrom('audit')
    .select(sql<number>`count(*)`.as('entries'))
    .executeTakeFirstOrThrow()
  const sequence = await lastSeq(db)
  const broken = (seq: number, why: string): AuditCheck => ({ entries, broken: { seq, why } })

  // From below 1: an entry that was put in before the first one is found too.
  for await (const row of rowsAfter(db, Number.MIN_SAFE_INTEGER, signal)) {
    const inChain = newest !== undefined
    if (inChain && row.hash === null) return broken(row.seq, await whyNoHash(db, before, row))
    if (row.hash !== null && row.hash !== hashOf(before.hash, row))
      return broken(row.seq, await whyNot(db, before, row, inChain, signal))
    if (row.hash !== null && row.seq !== before.seq + 1) return broken(row.seq, gap(before.seq, row.seq))
    before = { seq: row.seq, hash: linkOf(before.hash, row) }
    newest = row.hash ?? undefined
    found ||= newest === head?.toLowerCase()
  }
  if (before.seq < sequence)
    return broken(before.seq + 1, `missing: the log ends here, and there was an entry ${sequence}`)
  if (!found)
    return broken(before.seq, 'the hash that was noted is not in the log: it was cut short, or made anew')
  return { entries, ...(newest === undefined ? {} : { head: newest }) }
}

const gap = (before: number, seq: number): string =>
  seq - before === 2
    ? `missing: entry ${before + 1} before it`
    : `missing: the entries ${before + 1} to ${seq - 1} before it`

async function nextOf(db: Kysely<Tables>, { seq }: AuditRow): Promise<AuditRow | undefined> {
  return await db.selectFrom('audit').selectAll().where('seq', '>', seq).orderBy('seq').executeTakeFirst()
}

async function whyNoHash(db: Kysely<Tables>, before: Place, row: AuditRow): Promise<string> {
  const next = await nextOf(db, row)
  return next !== undefined && next.hash === hashOf(hashOf(before.hash, row), next)
    ? 'changed: its hash was taken out'
    : 'inserted: it has no hash, and those before it have one'
}

async function whyNot(
  db: Kysely<Tables>,
  before: Place,
  row: AuditRow,
  inChain: boolean,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (!inChain && before.hash !== start)
    return `the entries before it, up to ${before.seq}, are not those that the chain began with`
  const expected = before.seq + 1
  const elsewhere = await findMoved(db, before, row, signal)
  if (elsewhere?.moved === true)
    return `reordered: what stood in its place is entry ${elsewhere.seq} now, and this one was further down`
  if (elsewhere !== undefined) return `inserted: what was written here is entry ${elsewhere.seq} now`
  if (row.seq > expected) return gap(before.seq, row.seq)
  const next = await nextOf(db, row)
  if (next !== undefined && row.hash !== null) {
    for (let out = 1; out <= renumbered; out++) {
      if (hashOf(row.hash, { ...next, seq: next.seq + out }) === next.hash)
        return `missing: ${out === 1 ? 'an entry was' : `${out} entries were`} taken out before it, and the rest renumbered`
    }
  }
  return before.seq === 0
    ? 'changed: it is not what was written'
    : `changed: it does not fit entry ${before.seq}. It is not what was written, or that one was changed and hashed anew`
}

/** Looks further down for the entry that belongs where `row` stands, and whether `row` itself is one of those from there. */
async function findMoved(
  db: Kysely<Tables>,
  before: Place,
  row: AuditRow,
  signal: AbortSignal | undefined,
): Promise<{ readonly seq: number; readonly moved: boolean } | undefined> {
  const expected = before.seq + 1
  let found: number | undefined
  let moved = false
  for await (const other of rowsAfter(db, row.seq, signal)) {
    if (other.hash === null) continue
    if (found === undefined && other.hash === hashOf(before.hash, { ...other, seq: expected }))
      found = other.seq
    // Where it can have come from: behind this one as it stands, as it stood before the move, or the second in its old place.
    const { hash } = other
    moved ||= [other.seq, other.seq + 1, expected + 1].some(
      (seq) => hashOf(hash, { ...row, seq }) === row.hash,
    )
    if (found !== undefined && moved) break
  }
  return found === undefined ? undefined : { seq: found, moved }
}
