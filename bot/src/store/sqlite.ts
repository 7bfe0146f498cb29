/** Kysely on node:sqlite: its dialect wants what better-sqlite3 looks like, and needs only this much of it. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { SqliteDialect } from 'kysely'

export interface SqliteFile {
  readonly dialect: SqliteDialect
  /** Several statements in one transaction, or the file as a whole: what Kysely has no words for. */
  exec(sql: string): void
}

/**
 * A commit outlives any death of this process. A power cut may take the last ones with it: what must not be lost even
 * then, that a change was sent, is in the file of the runs. A commit that waits for the disk costs every surface milliseconds.
 */
export function sqliteFile(file: string): SqliteFile {
  const sqlite = new DatabaseSync(file)
  sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 100')
  const prepare = (sql: string) => {
    const statement = sqlite.prepare(sql)
    const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
    return {
      reader: statement.columns().length > 0,
      all: (parameters: readonly unknown[]) => statement.all(...values(parameters)),
      run: (parameters: readonly unknown[]) => statement.run(...values(parameters)),
      iterate: (parameters: readonly unknown[]) => statement.iterate(...values(parameters)),
    }
  }
  return {
    dialect: new SqliteDialect({ database: { prepare, close: () => sqlite.close() } }),
    exec: (sql) => sqlite.exec(sql),
  }
}
