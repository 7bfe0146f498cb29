/** Changes that wait for a yes: kept, so that a restart of the bot forgets none. */
import type { Kysely } from 'kysely'
import type { ApprovalStore, PendingApproval } from '../chat/approvals.ts'
import type { Tables } from './schema.ts'

export const approvalsOn = (db: Kysely<Tables>): ApprovalStore => ({
  async save(pending) {
    const text = JSON.stringify(pending)
    await db
      .insertInto('approvals')
      .values({ id: pending.id, pending: text })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ pending: text }))
      .execute()
  },
  async remove(id) {
    await db.deleteFrom('approvals').where('id', '=', id).execute()
  },
  async load() {
    const rows = await db.selectFrom('approvals').select('pending').orderBy('seq').execute()
    return rows.map(({ pending }) => JSON.parse(pending) as PendingApproval)
  },
})
