/** The table of runs. */
import { randomBytes } from 'node:crypto'
import type { Caller, ErrorData, Json, Progress, RunState, RunView } from '@homelab/core'
import type { Database } from './database.ts'
import { digest, packJson } from './json.ts'
import type { Hold } from './queue.ts'
import type { RunRequest } from './types.ts'

export interface RunRow {
  readonly id: string
  readonly fingerprint: string
  readonly operation: string
  readonly title: string
  readonly input: string
  readonly caller: string
  readonly origin: string | null
  readonly locks: string
  /** `waiting` is worked out from the order, never stored. */
  readonly state: Exclude<RunState, 'waiting'>
  readonly created_at: string
  readonly deadline_at: string | null
  readonly started_at: string | null
  readonly finished_at: string | null
  /** The name of who cancelled it. */
  readonly cancelled_by: string | null
  /** How often a process ended, unasked, in the step that the run is in. */
  readonly deaths: number
  readonly result: string | null
  /** Of a failed run; of an unfinished one that is being undone. */
  readonly error: string | null
}

export const isFinal = (state: RunState): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled'

export const fingerprint = (request: RunRequest): string =>
  digest({ operation: request.operation, input: request.input })

// Without letters that are taken for digits.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const newId = () => Array.from(randomBytes(6), (byte) => alphabet[byte % 32]).join('')

export function insertRun(db: Database, request: RunRequest, now: Date): RunRow {
  const deadline = request.deadlineMs === undefined ? null : new Date(now.getTime() + request.deadlineMs)
  const values = [
    request.key,
    fingerprint(request),
    request.operation,
    request.title,
    packJson(request.input, 'The input'),
    packJson(request.caller, 'The caller'),
    request.origin === undefined ? null : packJson(request.origin, 'The origin'),
    packJson([...new Set(request.locks)].sort(), 'The list of locks'),
    now.toISOString(),
    deadline?.toISOString() ?? null,
  ]
  let id = newId()
  while (getRun(db, id)) id = newId()
  const row = db.write(() =>
    db.get<RunRow>(
      `INSERT INTO runs (id, key, fingerprint, operation, title, input, caller, origin, locks, state, created_at, deadline_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?) RETURNING *`,
      id,
      ...values,
    ),
  )
  if (!row) throw new Error('an insert returned no row')
  return { ...row }
}

export const getRun = (db: Database, id: string): RunRow | undefined =>
  db.get<RunRow>('SELECT * FROM runs WHERE id = ?', id)

export const runByKey = (db: Database, key: string): RunRow | undefined =>
  db.get<RunRow>('SELECT * FROM runs WHERE key = ?', key)

/** In the order of acceptance. */
export const unfinishedRuns = (db: Database): RunRow[] =>
  db.all<RunRow>('SELECT * FROM runs WHERE finished_at IS NULL ORDER BY seq')

/** The newest first. */
export const newestRuns = (db: Database, limit: number): RunRow[] =>
  db.all<RunRow>('SELECT * FROM runs ORDER BY seq DESC LIMIT ?', limit)

export type RunChange = Partial<
  Pick<RunRow, 'state' | 'started_at' | 'finished_at' | 'cancelled_by' | 'result' | 'error'>
>

export function updateRun(db: Database, row: RunRow, change: RunChange): RunRow {
  const next = { ...row, ...change }
  const changed = db.run(
    'UPDATE runs SET state = ?, started_at = ?, finished_at = ?, cancelled_by = ?, result = ?, error = ? WHERE id = ?',
    next.state,
    next.started_at,
    next.finished_at,
    next.cancelled_by,
    next.result,
    next.error,
    next.id,
  )
  if (changed !== 1) throw new Error(`run ${row.id} is not in the state file`)
  return next
}

/** One batch of runs that ended before `before`, with all that is kept of them. Returns how many. */
export const deleteFinished = (db: Database, before: Date, batch: number): number =>
  db.run(
    `DELETE FROM runs WHERE seq IN
       (SELECT seq FROM runs WHERE finished_at IS NOT NULL AND finished_at < ? ORDER BY finished_at LIMIT ?)`,
    before.toISOString(),
    batch,
  )

export const callerOf = (row: RunRow): Caller => JSON.parse(row.caller) as Caller

export function viewOf(row: RunRow, extra: { progress?: Progress; waitingFor?: Hold } = {}): RunView {
  const { id, name } = callerOf(row)
  const final = isFinal(row.state)
  return {
    id: row.id,
    operation: row.operation,
    title: row.title,
    input: JSON.parse(row.input) as Json,
    caller: { id, name },
    state: row.state === 'queued' && extra.waitingFor ? 'waiting' : row.state,
    createdAt: row.created_at,
    ...(row.started_at === null ? {} : { startedAt: row.started_at }),
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
    ...(extra.progress ? { progress: extra.progress } : {}),
    ...(extra.waitingFor && row.state === 'queued' ? { waitingFor: extra.waitingFor } : {}),
    ...(row.result === null ? {} : { result: JSON.parse(row.result) as Json }),
    ...(row.error === null || !final ? {} : { error: JSON.parse(row.error) as ErrorData }),
  }
}
