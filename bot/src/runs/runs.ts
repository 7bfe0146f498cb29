/** Accepts runs, lets them go on in turn, and keeps what became of them. */
import { type Caller, type ErrorData, errorData, type Json, type RunView } from '@homelab/core'
import { type Active, activeRun } from './active.ts'
import { type Announcer, openAnnouncer } from './announce.ts'
import { type Database, openDatabase } from './database.ts'
import { closedWell, countDeaths, forgetDeaths } from './deaths.ts'
import { explainDisk, explainOpening } from './disk.ts'
import {
  alreadyEnding,
  cancelledBy,
  deadlinePassed,
  Interrupted,
  keyUsed,
  noRun,
  nothingToCancel,
  shuttingDown,
} from './errors.ts'
import { holdAlone } from './exclusive.ts'
import { executeRun, type Outcome, until } from './execution.ts'
import { packError, packJson } from './json.ts'
import { type Notes, openNotes } from './notes.ts'
import { nextRuns } from './queue.ts'
import { prune } from './retention.ts'
import {
  fingerprint,
  getRun,
  insertRun,
  isFinal,
  type RunChange,
  type RunRow,
  runByKey,
  unfinishedRuns,
  updateRun,
} from './rows.ts'
import { type Save, saver } from './saving.ts'
import { defaultTiming, type RunListener, type RunRequest, type Runs, type RunsOptions } from './types.ts'
import { openViews, type Views } from './views.ts'

/** So many that a supervisor's restarts while somebody repairs the machine do not use them up. */
const defaultMaxDeaths = 20
const defaultRetentionMs = 30 * 24 * 3_600_000
const pruneEveryMs = 6 * 3_600_000

/** @throws HomelabError `conflict` when another process has the file */
export async function openRuns(options: RunsOptions): Promise<Runs> {
  const release = explainOpening(options.file, () => holdAlone(options.file))
  try {
    return explainOpening(options.file, () => {
      const db = openDatabase(options.file)
      return new DurableRuns(options, db, release)
    })
  } catch (error) {
    release()
    throw error
  }
}

class DurableRuns implements Runs {
  readonly #options: RunsOptions
  readonly #db: Database
  readonly #release: () => void
  readonly #notes: Notes
  readonly #announcer: Announcer
  readonly #views: Views
  readonly #closing = new AbortController()
  /** In the order of acceptance. */
  readonly #active = new Map<string, Active>()
  readonly #save: Save
  readonly #atWork = new Set<Promise<void>>()
  readonly #timers: NodeJS.Timeout[] = []

  constructor(options: RunsOptions, db: Database, release: () => void) {
    this.#options = options
    this.#db = db
    this.#release = release
    const { file, clock, log } = options
    this.#save = saver({ file, clock, closing: this.#closing.signal, log })
    this.#notes = openNotes(db, clock, (error) => this.#bug(error, 'the log of a run is not saved'))
    this.#announcer = openAnnouncer((error) => this.#bug(error, 'a watcher of runs failed'))
    this.#views = openViews(db, this.#active, this.#notes)
    countDeaths(db)
    this.#timers.push(setTimeout(() => this.#forgetDeaths(), this.#timing.stableMs).unref())
    for (const row of unfinishedRuns(db)) this.#add(row)
    this.#prune()
    this.#timers.push(setInterval(() => this.#prune(), pruneEveryMs).unref())
    // Not before the caller has what it opened: operations that go on may ask for it.
    setImmediate(() => this.#schedule())
  }

  async start(request: RunRequest): Promise<{ run: RunView; existing: boolean }> {
    this.#refuseClosed()
    const existing = runByKey(this.#db, request.key)
    if (existing) {
      if (existing.fingerprint !== fingerprint(request)) throw keyUsed(request.key, existing.id)
      return { run: this.#views.of(existing), existing: true }
    }
    const row = explainDisk(this.#options.file, () => insertRun(this.#db, request, this.#options.clock.now()))
    this.#probe('accepted', row.id)
    const active = this.#add(row)
    this.#announcer.state(this.#views.of(row))
    this.#schedule()
    return { run: this.#views.of(active.row), existing: false }
  }

  async cancel(id: string, by: Caller): Promise<RunView> {
    this.#refuseClosed()
    const active = this.#active.get(id)
    if (!active) throw nothingToCancel(id, getRun(this.#db, id))
    if (active.row.cancelled_by !== null) return this.#views.of(active.row)
    if (active.ending || active.row.error !== null) throw alreadyEnding(id)
    const error = cancelledBy(by.name)
    if (active.started) {
      const change: RunChange = { state: 'cancelling', cancelled_by: by.name }
      explainDisk(this.#options.file, () => this.#change(active, change))
      active.stop.abort(error)
      return this.#views.of(active.row)
    }
    const change = { ...this.#end('cancelled', errorData(error)), cancelled_by: by.name }
    explainDisk(this.#options.file, () => this.#change(active, change))
    return this.#views.of(active.row)
  }

  async get(id: string) {
    return this.#views.get(id)
  }

  async byKey(key: string) {
    return this.#views.byKey(key)
  }

  async list(filter: { readonly active?: boolean; readonly limit: number }) {
    return this.#views.list(filter)
  }

  async active() {
    return this.#views.active()
  }

  async log(id: string, limit: number) {
    return this.#views.log(id, limit)
  }

  async origin(id: string) {
    return this.#views.origin(id)
  }

  watch(id: string, listener: RunListener): () => void {
    return this.#announcer.watch(id, listener, () => this.#views.get(id))
  }

  onAny(listener: RunListener): () => void {
    return this.#announcer.onAny(listener)
  }

  async finished(id: string): Promise<RunView> {
    const now = this.#views.get(id)
    if (!now) throw noRun(id)
    if (isFinal(now.state)) return now
    return await new Promise((resolve, reject) => {
      const shut = () => reject(shuttingDown())
      this.#closing.signal.addEventListener('abort', shut, { once: true })
      this.watch(id, (run) => {
        if (!isFinal(run.state)) return
        this.#closing.signal.removeEventListener('abort', shut)
        resolve(run)
      })
    })
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    const reason = new Interrupted()
    this.#closing.abort(reason)
    for (const active of this.#active.values()) active.stop.abort(reason)
    for (const timer of this.#timers) clearInterval(timer)
    const over = new AbortController()
    const graceMs = this.#timing.graceMs + 500
    const late = this.#options.clock.sleep(graceMs, over.signal).catch(() => {})
    await Promise.race([Promise.allSettled(this.#atWork), late])
    over.abort()
    this.#notes.close()
    this.#announcer.close()
    try {
      closedWell(this.#db)
    } catch (error) {
      this.#bug(error, 'the shutdown is not saved')
    }
    this.#db.close()
    this.#release()
  }

  #add(row: RunRow): Active {
    const active = activeRun(row)
    this.#active.set(row.id, active)
    if (row.deadline_at !== null && row.started_at === null) {
      void this.#endWaitingAt(active, new Date(row.deadline_at))
    }
    return active
  }

  #schedule(): void {
    if (this.#closing.signal.aborted) return
    const { go, waiting } = nextRuns(this.#active.values(), this.#options.concurrency ?? 32)
    for (const active of this.#active.values()) {
      const hold = waiting.get(active.id)
      if (active.waitingFor?.lock === hold?.lock && active.waitingFor?.run === hold?.run) continue
      active.waitingFor = hold
      if (hold) this.#announcer.state(this.#views.of(active.row))
    }
    for (const id of go) {
      const active = this.#active.get(id)
      if (active && !active.ending) this.#go(active)
    }
  }

  #go(active: Active): void {
    active.started = true
    active.waited.abort()
    const work = this.#work(active).catch((error: unknown) => {
      if (!(error instanceof Interrupted)) this.#bug(error, `run ${active.id} stopped until the next start`)
    })
    this.#atWork.add(work)
    void work.finally(() => this.#atWork.delete(work))
  }

  async #work(active: Active): Promise<void> {
    const resumed = active.row.started_at !== null
    const started_at = active.row.started_at ?? this.#options.clock.now().toISOString()
    await this.#save(active, () => {
      const state = active.row.cancelled_by === null ? 'running' : 'cancelling'
      this.#change(active, { state, started_at })
    })
    this.#probe('started', active.id)
    const outcome = await executeRun({
      db: this.#db,
      clock: this.#options.clock,
      timing: this.#timing,
      execute: this.#options.execute,
      probe: (point, run, name) => this.#options.probe?.(point, run, name),
      closing: this.#closing.signal,
      stop: active.stop,
      row: () => active.row,
      resumed,
      maxDeaths: this.#options.maxDeaths ?? defaultMaxDeaths,
      save: (work) => this.#save(active, work),
      failing: async (error) => {
        active.ending = true
        await this.#save(active, () => this.#change(active, { error: packError(error) }))
        this.#probe('failing.saved', active.id)
      },
      log: (line) => this.#notes.log(active.id, line),
      report: (progress) => {
        this.#notes.report(active.id, progress)
        this.#announcer.progress(active.id, () => this.#views.get(active.id))
      },
      onBug: (error) => this.#bug(error, `run ${active.id} failed`),
    })
    if (outcome.state !== 'interrupted') await this.#finish(active, outcome)
  }

  async #finish(active: Active, outcome: Exclude<Outcome, { state: 'interrupted' }>): Promise<void> {
    active.ending = true
    this.#probe('finish.before', active.id)
    const change =
      outcome.state === 'succeeded'
        ? { ...this.#end('succeeded'), result: this.#packResult(active, outcome.result) }
        : this.#end(outcome.state, outcome.error)
    await this.#save(active, () => this.#change(active, change))
    this.#probe('finish.saved', active.id)
  }

  /** What was done stays done, even when its result is too long to keep. */
  #packResult(active: Active, result: Json): string | null {
    try {
      return packJson(result, 'The result')
    } catch (error) {
      this.#notes.log(active.id, errorData(error).message)
      return null
    }
  }

  #end(state: 'succeeded' | 'failed' | 'cancelled', error?: ErrorData): RunChange {
    return {
      state,
      finished_at: this.#options.clock.now().toISOString(),
      error: error === undefined ? null : packError(error),
    }
  }

  async #endWaitingAt(active: Active, deadline: Date): Promise<void> {
    const stop = AbortSignal.any([active.waited.signal, this.#closing.signal])
    if (!(await until(deadline, this.#options.clock, stop)) || active.started) return
    active.ending = true
    await this.#save(active, () =>
      this.#change(active, this.#end('failed', errorData(deadlinePassed(active.waitingFor)))),
    ).catch(() => {})
  }

  /** The file first, then memory, then everyone who watches. */
  #change(active: Active, change: RunChange): void {
    const before = active.row.state
    active.row = updateRun(this.#db, active.row, change)
    const { state } = active.row
    if (isFinal(state)) {
      this.#active.delete(active.id)
      active.waited.abort()
    }
    if (state !== before) this.#announcer.state(this.#views.of(active.row))
    if (isFinal(state)) this.#schedule()
  }

  #prune(): void {
    const before = this.#options.clock.now().getTime() - (this.#options.retentionMs ?? defaultRetentionMs)
    prune(this.#db, new Date(before), this.#closing.signal).catch((error: unknown) =>
      this.#bug(error, 'old runs are not deleted'),
    )
  }

  #forgetDeaths(): void {
    try {
      forgetDeaths(this.#db)
    } catch (error) {
      this.#bug(error, 'the count of crashes is not saved')
    }
  }

  #probe(point: Parameters<NonNullable<RunsOptions['probe']>>[0], run: string): void {
    this.#options.probe?.(point, run, '')
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw shuttingDown()
  }

  #bug(error: unknown, text: string): void {
    this.#options.log?.error({ err: error }, text)
  }

  get #timing() {
    return { ...defaultTiming, ...this.#options.timing }
  }
}
