/** The state file: SQLite on node:sqlite, every commit on the disk before it counts. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { Clock } from '@homelab/core'

export interface Database {
  /**
   * Reads one row. A statement that writes and returns goes into `write`: outside a transaction node:sqlite commits
   * when it resets the statement, and says nothing when the disk is full then.
   */
  get<T>(sql: string, ...values: SQLInputValue[]): T | undefined
  all<T>(sql: string, ...values: SQLInputValue[]): T[]
  /** Returns the number of changed rows. */
  run(sql: string, ...values: SQLInputValue[]): number
  /** One transaction: all of it or nothing. `work` never awaits. */
  write<T>(work: () => T): T
  close(): void
}

const schema = `
CREATE TABLE IF NOT EXISTS runs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  key TEXT NOT NULL UNIQUE,
  fingerprint TEXT NOT NULL,
  operation TEXT NOT NULL,
  title TEXT NOT NULL,
  input TEXT NOT NULL,
  caller TEXT NOT NULL,
  origin TEXT,
  locks TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at TEXT NOT NULL,
  deadline_at TEXT,
  started_at TEXT,
  finished_at TEXT,
  cancelled_by TEXT,
  deaths INTEGER NOT NULL DEFAULT 0,
  result TEXT,
  error TEXT
);
CREATE INDEX IF NOT EXISTS runs_active ON runs (seq) WHERE finished_at IS NULL;
CREATE INDEX IF NOT EXISTS runs_finished ON runs (finished_at) WHERE finished_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS entries (
  run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  at TEXT NOT NULL,
  value TEXT,
  digest TEXT,
  PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_digest ON entries (digest) WHERE digest IS NOT NULL;
CREATE TABLE IF NOT EXISTS progress (
  run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lines (
  run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`

export function openDatabase(file: string): Database {
  const sqlite = new DatabaseSync(file)
  // While SQLite waits for a lock nothing else in this process goes on: short here, patient in `patiently`.
  sqlite.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA busy_timeout = 100;
    PRAGMA foreign_keys = ON;
    PRAGMA journal_size_limit = 16777216;
  `)
  sqlite.exec(schema)
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string) => {
    const known = statements.get(sql)
    if (known) return known
    const statement = sqlite.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  return {
    get: <T>(sql: string, ...values: SQLInputValue[]) => prepared(sql).get(...values) as T | undefined,
    all: <T>(sql: string, ...values: SQLInputValue[]) => prepared(sql).all(...values) as T[],
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
    write(work) {
      sqlite.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        sqlite.exec('COMMIT')
        return result
      } catch (error) {
        // A full disk has ended the transaction already.
        if (sqlite.isTransaction) sqlite.exec('ROLLBACK')
        throw error
      }
    },
    close: () => sqlite.close(),
  }
}

const BUSY = 5
const LOCKED = 6
const FULL = 13
// The shared-memory file could not grow: the disk is full too.
const IOERR_SHMSIZE = 4874

function resultCode(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown }
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode : undefined
}

export function isBusy(error: unknown): boolean {
  const code = (resultCode(error) ?? 0) & 255
  return code === BUSY || code === LOCKED
}

export function isFull(error: unknown): boolean {
  const code = resultCode(error) ?? 0
  return (code & 255) === FULL || code === IOERR_SHMSIZE
}

/**
 * Repeats a write as long as the disk is full or the file is locked by someone else (a backup, a curious shell).
 * @throws the signal's reason when it is aborted meanwhile
 */
export async function patiently<T>(
  work: () => T,
  options: {
    readonly clock: Clock
    readonly signal: AbortSignal
    readonly onWait?: (error: unknown) => void
  },
): Promise<T> {
  for (let pause = 50; ; pause = Math.min(pause * 2, 2_000)) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error) && !isFull(error)) throw error
      options.onWait?.(error)
      await options.clock.sleep(pause, options.signal)
    }
  }
}
