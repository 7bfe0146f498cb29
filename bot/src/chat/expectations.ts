/** How long a run will probably take: as long as those like it did. */
import type { RunView } from '@homelab/core'
import type { Runs } from '../runs/types.ts'

export interface Expectations {
  /** Milliseconds, from memory; undefined when nothing like it has succeeded yet. */
  expectedMs(run: Pick<RunView, 'operation' | 'title'>): number | undefined
  /** Resolves when the runs of before this start are known. Never rejects. */
  readonly ready: Promise<void>
  stop(): void
}

interface Sample {
  readonly run: string
  readonly ms: number
}

/** The last ones: a service that has become slower is expected to be slow soon. */
const samplesKept = 5
/** Names are without end; those that have not come for so long are forgotten. */
const namesKept = 1_000
const runsRead = 1_000

export function createExpectations(
  runs: Pick<Runs, 'list' | 'onAny'>,
  onError: (error: unknown) => void = () => undefined,
): Expectations {
  const samples = new Map<string, readonly Sample[]>()
  /** What ends while those of before are read is newer than they are. */
  let early: RunView[] | undefined = []

  const note = (name: string, sample: Sample) => {
    const known = samples.get(name) ?? []
    if (known.some(({ run }) => run === sample.run)) return
    samples.delete(name)
    samples.set(name, [...known, sample].slice(-samplesKept))
    const [oldest] = samples.keys()
    if (samples.size > namesKept && oldest !== undefined) samples.delete(oldest)
  }
  const learn = (run: RunView) => {
    const ms = tookOf(run)
    if (ms === undefined) return
    note(titleOf(run), { run: run.id, ms })
    note(run.operation, { run: run.id, ms })
  }
  const begin = (before: readonly RunView[]) => {
    for (const run of [...before.toReversed(), ...(early ?? [])]) learn(run)
    early = undefined
  }

  const stop = runs.onAny((run) => {
    if (early === undefined) learn(run)
    else if (tookOf(run) !== undefined) early.push(run)
  })
  const ready = runs.list({ limit: runsRead }).then(begin, (error: unknown) => {
    begin([])
    onError(error)
  })

  return {
    ready,
    stop,
    expectedMs(run) {
      const alike = samples.get(titleOf(run)) ?? samples.get(run.operation)
      return alike === undefined ? undefined : median(alike.map(({ ms }) => ms))
    },
  }
}

/** An operation's id has no line break, so this is no other operation's name. */
const titleOf = ({ operation, title }: Pick<RunView, 'operation' | 'title'>) => `${operation}\n${title}`

function tookOf({ state, startedAt, finishedAt }: RunView): number | undefined {
  if (state !== 'succeeded' || startedAt === undefined || finishedAt === undefined) return undefined
  const ms = Date.parse(finishedAt) - Date.parse(startedAt)
  return ms >= 0 ? ms : undefined
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  const low = sorted[Math.ceil(middle) - 1]
  const high = sorted[Math.floor(middle)]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}
