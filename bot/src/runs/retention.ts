import type { Database } from './database.ts'
import { deleteFinished } from './rows.ts'

const batch = 500

/** Deletes what ended before, a little at a time: other runs go on between the batches. */
export async function prune(db: Database, before: Date, closing: AbortSignal): Promise<void> {
  while (!closing.aborted && deleteFinished(db, before, batch) === batch) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
