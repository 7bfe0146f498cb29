/** Rights for a while: kept, so that a restart of the bot neither forgets nor prolongs one. */
import type { Grant } from '@homelab/core'
import type { Kysely } from 'kysely'
import type { GrantStore } from '../rights/grants.ts'
import type { Tables } from './schema.ts'

export const grantsOn = (db: Kysely<Tables>): GrantStore => ({
  async add(grant) {
    await db
      .insertInto('grants')
      .values({ id: grant.id, given: JSON.stringify(grant), until: grant.until })
      .execute()
  },
  async end(id, at, by) {
    await db.updateTable('grants').set({ ended_at: at, ended_by: by }).where('id', '=', id).execute()
  },
  async load(now) {
    const rows = await db
      .selectFrom('grants')
      .select('given')
      .where('ended_at', 'is', null)
      .where('until', '>', now)
      .orderBy('seq')
      .execute()
    return rows.map(({ given }) => JSON.parse(given) as Grant)
  },
})
