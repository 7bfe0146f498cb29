/** What was in the databases when they were dumped, as the proof of a backup has it. */
import { z } from 'zod'
import type { Restic } from './restic/restic.ts'

const Database = z.object({
  database: z.string(),
  version: z.string(),
  bytes: z.number().default(0),
  extensions: z.record(z.string(), z.string()).default({}),
})
const Table = z.object({ table: z.string(), rows: z.number(), newest: z.string().nullish() })
const Folder = z.object({ folder: z.string() })

export interface DumpedDatabase extends z.infer<typeof Database> {
  /** Of its dump, in the snapshot's folder. */
  readonly folder: string
  readonly tables: readonly z.infer<typeof Table>[]
  /** The same as they stand in the manifest, to be compared letter by letter. */
  readonly lines: readonly string[]
}

/** @param text one JSON text a line: of each database itself, then its tables, then its folder */
export function readManifest(text: string): readonly DumpedDatabase[] {
  const found: DumpedDatabase[] = []
  let open: Omit<DumpedDatabase, 'folder'> | undefined
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const said: unknown = JSON.parse(line)
    const database = Database.safeParse(said)
    const table = Table.safeParse(said)
    const folder = Folder.safeParse(said)
    if (database.success) open = { ...database.data, tables: [], lines: [] }
    else if (table.success && open !== undefined)
      open = { ...open, tables: [...open.tables, table.data], lines: [...open.lines, line] }
    else if (folder.success && open !== undefined) {
      found.push({ ...open, folder: folder.data.folder })
      open = undefined
    }
  }
  return found
}

/** @throws HomelabError when the proof cannot be read */
export const manifestIn = async (restic: Restic, proof: string, signal?: AbortSignal) =>
  readManifest(await restic.dump(proof, '/manifest.jsonl', signal))
