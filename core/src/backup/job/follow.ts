/** Staying with a job until it has ended, through lost connections and our own death. */
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { Clock, Shell } from '../../ports.ts'
import { cancelJob, type JobLook, lookAtJob } from './control.ts'
import type { JobState } from './types.ts'

/** Milliseconds. */
const timing = {
  poll: 1_000,
  /** The first looks are close together: much of what is asked for takes a second. */
  firstPoll: 100,
  /** A job that has not begun by then never will. */
  begin: 60_000,
  /** After a cancel; then it is left to itself, and said so. */
  cancel: 120_000,
  /** Between tries while the machine does not answer. */
  away: 5_000,
}

export interface FollowOptions {
  readonly shell: Shell
  readonly directory: string
  readonly clock: Clock
  /** Aborted, the job is cancelled; then it is waited for. */
  readonly signal: AbortSignal
  onLines(lines: readonly string[]): void
  /** The machine does not answer; undefined: it does again. */
  onAway(error: HomelabError | undefined): void
}

export type JobOver = Extract<JobState, { readonly state: 'absent' | 'ended' | 'lost' }>

/**
 * @throws the signal's reason when the job was cancelled and has ended, HomelabError `unclear` when it does not end;
 * errors that no waiting mends (no access, no such container)
 */
export async function followJob(options: FollowOptions): Promise<JobOver> {
  const { shell, directory, clock, signal, onLines, onAway } = options
  let from = 0
  let pause = timing.firstPoll
  let away = false
  let waitingSince: number | undefined
  let cancelledAt: number | undefined

  async function look(): Promise<JobLook | undefined> {
    try {
      const found = await lookAtJob(shell, directory, from)
      if (away) onAway(undefined)
      away = false
      return found
    } catch (error) {
      if (!isPassing(error)) throw error
      if (!away) onAway(error as HomelabError)
      away = true
      return undefined
    }
  }

  for (;;) {
    const found = await look()
    if (found !== undefined) {
      from = found.next
      if (found.lines.length > 0) onLines(found.lines)
      const { job } = found
      if (job.state === 'ended' || job.state === 'lost' || job.state === 'absent') {
        if (cancelledAt !== undefined && !(job.state === 'ended' && job.end.code === 0))
          signal.throwIfAborted()
        return job
      }
      if (job.state === 'waiting') {
        waitingSince ??= clock.monotonic()
        if (clock.monotonic() - waitingSince > timing.begin) return { state: 'lost', rebooted: false }
      }
    }
    if (signal.aborted && cancelledAt === undefined && found !== undefined) {
      cancelledAt = clock.monotonic()
      await cancelJob(shell, directory).catch((error: unknown) => {
        if (!isPassing(error)) throw error
        cancelledAt = undefined
      })
    }
    if (cancelledAt !== undefined && clock.monotonic() - cancelledAt > timing.cancel)
      throw new HomelabError('unclear', 'The backup job was asked to end and goes on.', {
        hint: `Look at it on its machine: ${directory}`,
      })
    // A pause of ours ends with a cancel, and none follows it.
    const rest = clock.sleep(away ? timing.away : pause, signal.aborted ? undefined : signal)
    await rest.catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    pause = Math.min(timing.poll, pause * 1.5)
  }
}

const isPassing = (error: unknown): boolean =>
  isHomelabError(error) && ['unreachable', 'timeout', 'unclear', 'cancelled'].includes(error.code)
