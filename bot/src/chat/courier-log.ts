/** Which lines of a run's log are to be added beside its card, and when. */
import type { RunHistory, RunLogLine } from '@homelab/core'
import { markOf, type Ref } from './courier-ref.ts'
import type { Posted } from './types.ts'

/** Milliseconds. */
export const logTiming = {
  /** The log of a run that takes no longer than this is left out: its card says it all. */
  after: 30_000,
  between: 5_000,
}

/** As many as a run keeps. When it has so many, the first ones may be gone and counting does not help. */
const keptLines = 2_000

/** What goes in one call: a log that was quiet for long and then has a megabyte must not become one request. */
const batchLines = 200
const batchCharacters = 30_000

export interface Batch {
  readonly lines: readonly string[]
  /** How many were added before. */
  readonly from: number
  /** Of the last line. */
  readonly mark: string
}

/** Whose lines come beside the card. */
export const logOf = ({ run, log }: Posted): string | undefined => run ?? log

/** @returns undefined when there are no new lines */
export async function nextBatch(
  runs: Pick<RunHistory, 'log'>,
  run: string,
  ref: Ref,
): Promise<Batch | undefined> {
  const fresh = unseen(await runs.log(run, keptLines), ref)
  const lines: string[] = []
  let characters = 0
  let last: RunLogLine | undefined
  for (const line of fresh) {
    characters += line.text.length
    if (last !== undefined && (lines.length >= batchLines || characters > batchCharacters)) break
    lines.push(line.text)
    last = line
  }
  return last === undefined ? undefined : { lines, from: ref.logged ?? 0, mark: markOf(last) }
}

function unseen(lines: readonly RunLogLine[], { logged = 0, mark }: Ref): readonly RunLogLine[] {
  if (lines.length < keptLines) return lines.slice(logged)
  const last = lines.findLastIndex((line) => mark?.startsWith(line.at) && markOf(line) === mark)
  return lines.slice(last + 1)
}

/** Whether its run took so long that its log is worth reading. */
export function isLong(posted: Posted, { since, logged }: Ref, now: Date): boolean {
  if (logOf(posted) === undefined) return false
  if (logged !== undefined) return true
  if (since === undefined) return false
  const end = posted.doneAt === undefined ? now.getTime() : Date.parse(posted.doneAt)
  return end - Date.parse(since) >= logTiming.after
}
