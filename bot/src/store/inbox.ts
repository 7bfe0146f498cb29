/** What sources told, until it is worked into the incidents: whoever was answered 200 need not tell it again. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Alert } from '@homelab/core/alerts'
import type { Kysely } from 'kysely'
import type { Inbox } from '../intake/types.ts'
import { isBusy } from '../runs/database.ts'
import type { Tables } from './schema.ts'

/** SQLite takes 32,766 values in one statement; this many rows of two are far below. */
const ROWS_AT_ONCE = 500
/** Somebody copies the file: that is over soon, and some senders try only once. */
const BUSY_TRIES = 10
const BUSY_PAUSE_MS = 100

interface Waiting {
  readonly row: { readonly at: string; readonly alerts: string }
  readonly kept: PromiseWithResolvers<void>
}

export function inboxOn(db: Kysely<Tables>, now: () => Date): Inbox {
  const listeners = new Set<() => void>()
  let waiting: Waiting[] = []
  let writing = false

  const insert = async (rows: readonly Waiting['row'][]) => {
    for (let tries = 1; ; tries += 1) {
      try {
        await db.insertInto('inbox').values(rows).execute()
        return
      } catch (error) {
        if (!isBusy(error) || tries === BUSY_TRIES) throw error
        await delay(BUSY_PAUSE_MS)
      }
    }
  }

  /** What came meanwhile shares the next commit. */
  async function write(): Promise<void> {
    writing = true
    // All that this turn of the event loop brings: under load that is what many connections sent.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const batch = waiting.slice(0, ROWS_AT_ONCE)
      waiting = waiting.slice(ROWS_AT_ONCE)
      try {
        await insert(batch.map(({ row }) => row))
      } catch (error) {
        for (const { kept } of batch) kept.reject(error)
        continue
      }
      for (const { kept } of batch) kept.resolve()
      for (const listener of listeners) listener()
    }
    writing = false
  }

  return {
    add(alerts) {
      const kept = Promise.withResolvers<void>()
      waiting.push({ row: { at: now().toISOString(), alerts: JSON.stringify(alerts) }, kept })
      if (!writing) void write()
      return kept.promise
    },
    async next(limit) {
      const rows = await db.selectFrom('inbox').selectAll().orderBy('seq').limit(limit).execute()
      return rows.map(({ seq, at, alerts }) => ({ seq, at, alerts: JSON.parse(alerts) as Alert[] }))
    },
    onAdded(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/**
 * Takes out what is worked in, in the transaction that saves what came of it: neither is there without the other.
 * @param upTo `seq` of the last one of them
 */
export async function removeReceived(transaction: Kysely<Tables>, upTo: number): Promise<void> {
  await transaction.deleteFrom('inbox').where('seq', '<=', upTo).execute()
}
