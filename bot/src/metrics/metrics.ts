/** The measurements of a running bot, as Prometheus reads them. */
import type { RunView } from '@homelab/core'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { measureBackups } from './backups.ts'
import { measureIncidents } from './incidents.ts'
import { measureIntake } from './intake.ts'
import { measurePlatforms } from './platforms.ts'
import { processMetrics } from './process.ts'
import type { MeasuredRuns, Metrics } from './types.ts'

export interface MetricsOptions {
  readonly runs: MeasuredRuns
  /** Ids of the operations that there are: what else a run says counts as `other`. */
  readonly operations: readonly string[]
  readonly version: string
  readonly now?: () => Date
}

/** Seconds: from a restart to a backup of days. */
const durations = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400]

export function createMetrics({
  runs,
  operations,
  version,
  now = () => new Date(),
}: MetricsOptions): Metrics {
  const own = new Registry()
  const registers = [own]
  new Gauge({
    name: 'homelab_build_info',
    help: 'Always 1; the version is its label.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  const stops = [measureRuns(registers, runs, new Set(operations))]
  const backups = measureBackups(registers, now)
  const platforms = measurePlatforms(registers)
  return {
    backups,
    ...platforms,
    incidents: (desk) => void stops.push(measureIncidents(registers, desk, now)),
    intake: (counts) => measureIntake(registers, counts),
    async text() {
      const all = Registry.merge([own, processMetrics()])
      return { type: all.contentType, body: await all.metrics() }
    },
    stop() {
      for (const stop of stops) stop()
    },
  }
}

function measureRuns(registers: Registry[], runs: MeasuredRuns, known: ReadonlySet<string>): () => void {
  const nameOf = ({ operation }: RunView) => (known.has(operation) ? operation : 'other')
  const ended = new Counter({
    name: 'homelab_runs_total',
    help: 'Runs that have ended since the start, by operation and how.',
    labelNames: ['operation', 'state'],
    registers,
  })
  const took = new Histogram({
    name: 'homelab_run_duration_seconds',
    help: 'How long runs took from their start to their end, without waiting for their turn.',
    labelNames: ['operation'],
    buckets: durations,
    registers,
  })
  new Gauge({
    name: 'homelab_runs_active',
    help: 'Runs that are accepted and have not ended.',
    labelNames: ['state'],
    registers,
    async collect() {
      const counts = { queued: 0, waiting: 0, running: 0, cancelling: 0 }
      for (const { state } of await runs.active())
        if (state in counts) counts[state as keyof typeof counts] += 1
      for (const [state, count] of Object.entries(counts)) this.set({ state }, count)
    },
  })
  return runs.onAny((run) => {
    if (run.finishedAt === undefined) return
    const operation = nameOf(run)
    ended.inc({ operation, state: run.state })
    // What ended before it began took no time.
    if (run.startedAt === undefined) return
    took.observe({ operation }, Math.max(0, Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000)
  })
}
