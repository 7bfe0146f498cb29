/** Replication jobs and the scheduler that runs them. Facts: PVE::ReplicationConfig, ReplicationState, pvescheduler. */
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'

export interface ReplicationJob {
  readonly id: string
  readonly guest: number
  readonly jobnum: number
  source: string
  target: string
  schedule: string
  comment?: string | undefined
  rate?: string | undefined
  disable: boolean
  remove?: 'local' | 'full' | undefined
  /** Seconds, by the servers' clock; 0: never. */
  lastSync: number
  lastTry: number
  nextSync: number
  failCount: number
  duration: number
  error?: string | undefined
  /** Of the worker while it copies. */
  pid?: number | undefined
}

/** The scheduler looks each minute; this is how long one waits for it. */
const ROUND_MS = 20_000
const COPY_MS = 4_000

export class Replication {
  readonly jobs = new Map<string, ReplicationJob>()
  readonly #clock: Clock
  readonly #faults: Faults

  constructor(clock: Clock, faults: Faults) {
    this.#clock = clock
    this.#faults = faults
  }

  between(vmid: number, source: string, target: string): boolean {
    return [...this.jobs.values()].some(
      (job) => job.guest === vmid && job.source === source && job.target === target && job.lastSync > 0,
    )
  }

  /** The guest is on another node now: the job that led there leads back. */
  moved(vmid: number, from: string, to: string): void {
    for (const job of this.jobs.values()) {
      if (job.guest !== vmid) continue
      job.source = to
      if (job.target === to) job.target = from
    }
  }

  /** Runs the job, or takes it away, when the scheduler comes by. */
  async soon(job: ReplicationJob, storages: readonly string[]): Promise<void> {
    await this.#clock.sleep(ROUND_MS)
    if (this.jobs.get(job.id) !== job) return
    job.lastTry = this.#clock.seconds()
    job.pid = 4_711
    await this.#clock.sleep(COPY_MS)
    job.pid = undefined
    if (job.remove !== undefined) {
      this.jobs.delete(job.id)
      return
    }
    const full = storages.find((name) => this.#faults.fullStorage.includes(name))
    const gone = this.#faults.nodesDown.includes(job.target)
    if (full !== undefined || gone) {
      job.failCount += 1
      job.error = gone
        ? `command 'ssh root@${job.target} -- pvesr prepare-local-job ${job.id}' failed: exit code 255`
        : `command 'zfs recv -F -- ${full}' failed: out of space`
      job.nextSync = job.lastTry + 300 * job.failCount
      return
    }
    job.lastSync = job.lastTry
    job.duration = COPY_MS / 1000
    job.failCount = 0
    job.error = undefined
    job.nextSync = job.lastSync + 900
  }
}
