/** What was in a backup when it was made: the proof's own text, a JSON text a line. */

export interface TableFacts {
  /** `public.assets`, quoted as PostgreSQL quotes. */
  readonly table: string
  readonly rows: number
  /** Of the column that tells most of it, ISO 8601. */
  readonly newest?: string
}

export interface DatabaseFacts {
  readonly database: string
  /** Of its dump, below the snapshot's own path. */
  readonly folder: string
  readonly version: string
  readonly bytes: number
  readonly extensions: Readonly<Record<string, string>>
  readonly tables: readonly TableFacts[]
}

export interface Manifest {
  readonly databases: readonly DatabaseFacts[]
}

/** Lines that are none of ours are passed over. */
export function manifestIn(text: string): Manifest {
  const databases: (Omit<DatabaseFacts, 'tables' | 'folder'> & { folder: string; tables: TableFacts[] })[] =
    []
  for (const line of text.split('\n')) {
    const said = parsed(line)
    const current = databases.at(-1)
    if (typeof said.database === 'string')
      databases.push({
        database: said.database,
        folder: '',
        version: String(said.version),
        bytes: Number(said.bytes),
        extensions: (said.extensions ?? {}) as Readonly<Record<string, string>>,
        tables: [],
      })
    else if (typeof said.table === 'string')
      current?.tables.push({
        table: said.table,
        rows: Number(said.rows),
        ...(typeof said.newest === 'string' ? { newest: said.newest } : {}),
      })
    else if (typeof said.folder === 'string' && current !== undefined) current.folder = said.folder
  }
  return { databases }
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}
