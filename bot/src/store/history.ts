/** What each caller has typed, for the arrow keys. */
import { type Kysely, sql } from 'kysely'
import type { HistoryStore } from '../chat/history.ts'
import type { Tables } from './schema.ts'

/** Lines of each caller. */
const keptLines = 500
const pruneEvery = 100

export const historyOn = (db: Kysely<Tables>, now: () => Date): HistoryStore => ({
  async add(caller, text) {
    const { insertId } = await db
      .insertInto('history')
      .values({ caller, at: now().toISOString(), text })
      .executeTakeFirstOrThrow()
    if (Number(insertId) % pruneEvery !== 0) return
    const oldestKept = db
      .selectFrom('history')
      .select('seq')
      .where('caller', '=', caller)
      .orderBy('seq', 'desc')
      .limit(1)
      .offset(keptLines - 1)
    await db
      .deleteFrom('history')
      .where('caller', '=', caller)
      .where('seq', '<', sql<number>`(${oldestKept})`)
      .execute()
  },
  load: (limit) =>
    db.selectFrom('history').select(['caller', 'text']).orderBy('seq', 'desc').limit(limit).execute(),
})
