/** What one run has done, by the names of its verbs. A replay reads it instead of doing things again. */
import type { ErrorData, Json } from '@homelab/core'
import type { Database } from './database.ts'
import { digest, packError } from './json.ts'

export type Entry =
  /** A change that is being sent: nobody knows yet whether it happened. */
  | { readonly state: 'begun'; readonly at: Date }
  /** A change whose answer was lost. It is never sent again. */
  | { readonly state: 'doubtful'; readonly at: Date; readonly error: ErrorData }
  | { readonly state: 'done'; readonly value: Json }
  | { readonly state: 'failed'; readonly error: ErrorData }

export interface Journal {
  get(name: string): Entry | undefined
  begun(name: string, at: Date): Promise<void>
  doubtful(name: string, at: Date, error: ErrorData): Promise<void>
  /** `text` is packed JSON. A claim makes the result one that no other change may take for its own. */
  done(name: string, text: string, claim?: boolean): Promise<void>
  failed(name: string, error: ErrorData): Promise<void>
}

interface EntryRow {
  readonly name: string
  readonly state: Entry['state']
  readonly at: string
  readonly value: string | null
}

/** @param save runs one write, however long the disk stays full */
export function openJournal(
  db: Database,
  run: string,
  save: (work: () => void) => Promise<void>,
  now: () => Date,
): Journal {
  const entries = new Map<string, Entry>()
  for (const row of db.all<EntryRow>('SELECT name, state, at, value FROM entries WHERE run = ?', run)) {
    entries.set(row.name, toEntry(row))
  }
  const put = async (name: string, entry: Entry, at: Date, text: string | null, claim = false) => {
    const claimed = claim && text !== null ? digest(JSON.parse(text)) : null
    await save(() =>
      db.write(() => {
        db.run(
          'INSERT OR REPLACE INTO entries (run, name, state, at, value, digest) VALUES (?, ?, ?, ?, ?, ?)',
          run,
          name,
          entry.state,
          at.toISOString(),
          text,
          claimed,
        )
        // It got further: whatever ended the process before was not this.
        if (entry.state !== 'begun') db.run('UPDATE runs SET deaths = 0 WHERE id = ? AND deaths > 0', run)
      }),
    )
    entries.set(name, entry)
  }
  return {
    get: (name) => entries.get(name),
    begun: (name, at) => put(name, { state: 'begun', at }, at, null),
    doubtful: (name, at, error) => put(name, { state: 'doubtful', at, error }, at, packError(error)),
    done: (name, text, claim) =>
      put(name, { state: 'done', value: JSON.parse(text) as Json }, now(), text, claim),
    failed: (name, error) => put(name, { state: 'failed', error }, now(), packError(error)),
  }
}

/** Whether a change of any run has this result. */
export const isClaimed = (db: Database, result: unknown): boolean =>
  db.get('SELECT 1 FROM entries WHERE digest = ? LIMIT 1', digest(result)) !== undefined

function toEntry(row: EntryRow): Entry {
  const value = row.value === null ? null : (JSON.parse(row.value) as unknown)
  if (row.state === 'begun') return { state: 'begun', at: new Date(row.at) }
  if (row.state === 'doubtful') return { state: 'doubtful', at: new Date(row.at), error: value as ErrorData }
  if (row.state === 'failed') return { state: 'failed', error: value as ErrorData }
  return { state: 'done', value: value as Json }
}
