import type { Hold } from './queue.ts'
import type { RunRow } from './rows.ts'

/** A run that has not ended, as this process has it in memory. */
export interface Active {
  readonly id: string
  readonly locks: readonly string[]
  /** Aborted on cancel, at the deadline and on shutdown. */
  readonly stop: AbortController
  /** Aborted when it does not wait any more, because it goes or has ended. */
  readonly waited: AbortController
  row: RunRow
  started: boolean
  /** It has failed and is being undone, or its end is being written. */
  ending: boolean
  waitingFor?: Hold | undefined
}

export const activeRun = (row: RunRow): Active => ({
  id: row.id,
  locks: JSON.parse(row.locks) as string[],
  stop: new AbortController(),
  waited: new AbortController(),
  row,
  started: false,
  ending: false,
})
