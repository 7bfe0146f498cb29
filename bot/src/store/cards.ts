/** The cards that surfaces have shown, so that a restart finds them again and goes on with them. */
import { type Kysely, sql } from 'kysely'
import type { CardStore } from '../chat/board.ts'
import { isLarge, lighter } from '../chat/lighter.ts'
import type { Posted } from '../chat/types.ts'
import type { Tables } from './schema.ts'

/** Over all channels. */
const keptCards = 5_000
const pruneEvery = 100

/** A card that is saved again keeps its place in the order. */
export function cardsOn(db: Kysely<Tables>): CardStore {
  let saved = 0
  return {
    async save(posted) {
      const kept = posted.state === 'done' && isLarge(posted) ? lighter(posted) : posted
      const changing = { run: posted.run ?? null, posted: JSON.stringify(kept) }
      const { surface, channel } = posted.place
      await db
        .insertInto('cards')
        .values({ id: posted.id, surface, channel, ...changing })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(changing))
        .execute()
      saved += 1
      if (saved % pruneEvery !== 0) return
      // By their number, not by the distance: a card that is saved again uses up a number as well.
      const newest = db.selectFrom('cards').select('seq').orderBy('seq', 'desc').limit(keptCards)
      await db
        .deleteFrom('cards')
        .where('seq', 'not in', newest)
        .where(sql<string>`json_extract(posted, '$.state')`, '=', 'done')
        .execute()
    },
    async load(limit) {
      const newest = db.selectFrom('cards').select('seq').orderBy('seq', 'desc').limit(limit)
      const rows = await db
        .selectFrom('cards')
        .select('posted')
        .where((where) =>
          where.or([
            where('seq', 'in', newest),
            where(sql<string>`json_extract(posted, '$.state')`, '!=', 'done'),
          ]),
        )
        .orderBy('seq')
        .execute()
      return rows.map(({ posted }) => JSON.parse(posted) as Posted)
    },
  }
}
