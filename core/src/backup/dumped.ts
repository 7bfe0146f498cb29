/** The databases of a backup, with the lines of the proof that a drill compares letter by letter. */
import { streamedEnding } from './job/dump-script.ts'
import { type DatabaseFacts, manifestIn } from './manifest.ts'
import type { Point } from './point.ts'
import type { Restic } from './restic/restic.ts'

export interface DumpedDatabase extends DatabaseFacts {
  /** Of each table, as it stands in the manifest. */
  readonly lines: readonly string[]
}

/** @throws HomelabError when the proof cannot be read */
export async function dumpedBy(
  restic: Pick<Restic, 'dump'>,
  proof: string,
  signal?: AbortSignal,
): Promise<readonly DumpedDatabase[]> {
  const text = await restic.dump(proof, '/manifest.jsonl', signal)
  const groups: string[][] = []
  for (const line of text.split('\n')) {
    if (/^\{"database" : /.test(line)) groups.push([])
    else if (/^\{"table" : /.test(line)) groups.at(-1)?.push(line)
  }
  return manifestIn(text).databases.map((facts, index) => ({ ...facts, lines: groups[index] ?? [] }))
}

/** Of a dump that was streamed, the proof: the roles are in there. */
export const streamedFrom = (
  { folder }: Pick<DumpedDatabase, 'folder'>,
  { proven }: Pick<Point, 'proven'>,
): { readonly proof?: string } =>
  folder.endsWith(streamedEnding) && proven !== undefined ? { proof: proven.proof } : {}
