/** What can be read of runs: those that go on from memory, those that have ended from the file. */
import type { Json, RunLogLine, RunView } from '@homelab/core'
import type { Active } from './active.ts'
import type { Database } from './database.ts'
import type { Notes } from './notes.ts'
import { getRun, newestRuns, type RunRow, runByKey, viewOf } from './rows.ts'

export interface Views {
  of(row: RunRow): RunView
  get(id: string): RunView | undefined
  byKey(key: string): RunView | undefined
  /** The newest first. */
  list(filter: { readonly active?: boolean; readonly limit: number }): readonly RunView[]
  /** In the order of acceptance. */
  active(): readonly RunView[]
  log(id: string, limit: number): readonly RunLogLine[]
  origin(id: string): Json | undefined
}

export function openViews(db: Database, runs: ReadonlyMap<string, Active>, notes: Notes): Views {
  const of = (row: RunRow): RunView => {
    const active = runs.get(row.id)
    if (!active) return viewOf(row)
    const progress = active.row.started_at === null ? undefined : notes.progress(row.id)
    return viewOf(active.row, {
      ...(progress ? { progress } : {}),
      ...(active.waitingFor ? { waitingFor: active.waitingFor } : {}),
    })
  }
  const maybe = (row: RunRow | undefined) => row && of(row)
  const active = () => [...runs.values()].map(({ row }) => of(row))
  return {
    of,
    active,
    get: (id) => maybe(runs.get(id)?.row ?? getRun(db, id)),
    byKey: (key) => maybe(runByKey(db, key)),
    list(filter) {
      return filter.active
        ? active().toReversed().slice(0, filter.limit)
        : newestRuns(db, filter.limit).map(of)
    },
    log: (id, limit) => notes.lines(id, limit),
    origin(id) {
      const text = getRun(db, id)?.origin ?? null
      return text === null ? undefined : (JSON.parse(text) as Json)
    },
  }
}
