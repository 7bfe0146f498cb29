/** Background tasks (workers): UPIDs, logs, ends. Facts: PVE's RESTEnvironment and API2/Tasks. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import type { Random } from '../random.ts'

export interface TaskRecord {
  readonly upid: string
  readonly node: string
  readonly pid: number
  readonly pstart: number
  /** Seconds, by the servers' clock. */
  readonly starttime: number
  readonly type: string
  readonly id: string
  /** May hold `!token`. */
  readonly user: string
  readonly log: string[]
  endtime: number | undefined
  status: string | undefined
  /** Real time of its end; it reaches the archive some time after that. */
  endedAt: number | undefined
  readonly abort: AbortController
}

export interface TaskContext {
  readonly upid: string
  /** Aborted when somebody stops the task. */
  readonly signal: AbortSignal
  log(line: string): void
  warn(text: string): void
  /** Takes this share of the task's length: of `ms` as on a real server, or of the length set for its type. */
  spend(share: number, ms: number): Promise<void>
}

export type Work = (context: TaskContext) => Promise<void>

/** A finished task is moved from the active list to the archive by a later pass over that list. */
const ARCHIVE_MS = 20_000
/** The active list shows this many tasks of a node that are over. */
const RECENT = 25

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0')

export class Tasks {
  readonly #clock: Clock
  readonly #faults: Faults
  readonly #journal: Journal
  readonly #random: Random
  readonly #bootedAt: number
  readonly #all = new Map<string, TaskRecord>()
  readonly #running = new Set<Promise<void>>()
  #pid: number

  constructor(clock: Clock, faults: Faults, journal: Journal, random: Random, bootedAt: number) {
    this.#clock = clock
    this.#faults = faults
    this.#journal = journal
    this.#random = random
    this.#bootedAt = bootedAt
    this.#pid = random.between(1_000, 30_000)
  }

  /** Forks a worker and answers its UPID at once; `release` runs however it ends. */
  start(node: string, type: string, id: string, user: string, work: Work, release?: () => void): string {
    this.#pid += this.#random.between(1, 40)
    const starttime = this.#clock.seconds()
    // In hundredths of a second since the node's start: nine hex digits after some years, eight before.
    const pstart = Math.floor((this.#clock.now() - this.#bootedAt) / 10)
    const upid = `UPID:${node}:${hex(this.#pid)}:${hex(pstart)}:${hex(starttime)}:${type}:${id}:${user}:`
    const task: TaskRecord = {
      upid,
      node,
      pid: this.#pid,
      pstart,
      starttime,
      type,
      id,
      user,
      log: [],
      endtime: undefined,
      status: undefined,
      endedAt: undefined,
      abort: new AbortController(),
    }
    this.#all.set(upid, task)
    this.#journal.task(id, type)
    this.#journal.add({ kind: 'task', upid, type, target: id, status: 'running' })
    const running = this.#run(task, work).finally(() => {
      release?.()
      this.#running.delete(running)
    })
    this.#running.add(running)
    return upid
  }

  async #run(task: TaskRecord, work: Work): Promise<void> {
    const planned = this.#faults.taskEnds.findIndex((end) => end.type === undefined || end.type === task.type)
    const [end] = planned >= 0 ? this.#faults.taskEnds.splice(planned, 1) : []
    const broken = this.#faults.taskBreaks.findIndex(
      (each) => each.type === undefined || each.type === task.type,
    )
    const [crash] = broken >= 0 ? this.#faults.taskBreaks.splice(broken, 1) : []
    const length = this.#faults.taskMs[task.type]
    let warnings = 0
    const context: TaskContext = {
      upid: task.upid,
      signal: task.abort.signal,
      log: (line) => void task.log.push(line),
      warn: (text) => {
        warnings += 1
        task.log.push(`WARN: ${text}`)
      },
      spend: async (share, ms) => {
        const real = share * (length ?? this.#clock.scaled(ms))
        await sleep(crash ? real / 2 : real, undefined, { ref: false, signal: task.abort.signal })
        if (crash) throw new Error(crash.status)
      },
    }
    let status = 'OK'
    try {
      // The worker runs after the fork has answered: the caller has the UPID before anything happens.
      await Promise.resolve()
      await work(context)
      task.log.push(...(end?.log ?? []))
      status = end?.status ?? (warnings > 0 ? `WARNINGS: ${warnings}` : 'OK')
    } catch (error) {
      status = task.abort.signal.aborted
        ? 'interrupted by signal'
        : error instanceof Error
          ? error.message
          : String(error)
    }
    this.#end(task, status)
  }

  #end(task: TaskRecord, status: string): void {
    const ok = status === 'OK' || status.startsWith('WARNINGS')
    // A killed worker writes no last line.
    if (status !== 'unexpected status') task.log.push(`TASK ${ok ? status : `ERROR: ${status}`}`)
    task.status = status
    task.endtime = Math.max(this.#clock.seconds(), task.starttime)
    task.endedAt = Date.now()
    this.#journal.add({ kind: 'task', upid: task.upid, type: task.type, target: task.id, status })
  }

  get(upid: string): TaskRecord | undefined {
    return this.#all.get(upid)
  }

  stop(upid: string): void {
    this.#all.get(upid)?.abort.abort()
  }

  /** Stops every task and waits until all have let go of their locks. */
  async stopAll(): Promise<void> {
    for (const task of this.#all.values()) {
      if (task.status === undefined) task.abort.abort()
    }
    await Promise.allSettled(this.#running)
  }

  /** Running tasks of this type on this guest. */
  running(type: string, id: string): readonly TaskRecord[] {
    return this.#newest().filter((task) => task.status === undefined && task.type === type && task.id === id)
  }

  archive(node: string): readonly TaskRecord[] {
    return this.#newest().filter((task) => task.node === node && this.#archived(task))
  }

  active(node: string): readonly TaskRecord[] {
    return this.#newest().filter((task) => task.node === node && !this.#archived(task))
  }

  /** What the cluster's file system holds: the tasks that run and the last ones of each node. */
  recent(): readonly TaskRecord[] {
    const ended = new Map<string, number>()
    return this.#newest().filter((task) => {
      if (task.status === undefined) return true
      const count = ended.get(task.node) ?? 0
      ended.set(task.node, count + 1)
      return count < RECENT
    })
  }

  isSaved(task: TaskRecord): boolean {
    return this.#archived(task)
  }

  #archived(task: TaskRecord): boolean {
    return task.endedAt !== undefined && Date.now() - task.endedAt >= this.#clock.scaled(ARCHIVE_MS)
  }

  #newest(): readonly TaskRecord[] {
    return [...this.#all.values()].reverse()
  }
}
