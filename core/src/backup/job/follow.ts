/** Staying with a job until it has ended, through lost connections and our own death. */
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { Clock, Shell } from '../../ports.ts'
import { cancelJob, clearLostJob, type JobLook, type JobPlace, lookAtJob, voidJob } from './control.ts'
import type { JobState } from './types.ts'

/** Milliseconds. */
const timing = {
  poll: 1_000,
  /** Until it has said that it runs. */
  firstPoll: 100,
  /** How long looks wait there for the end: a job that takes longer need not keep a channel of the connection to itself. */
  wait: 60_000,
  /** A job that has not begun by then never will. */
  begin: 60_000,
  /** After a cancel; then it is left to itself, and said so. */
  cancel: 120_000,
  /** Between tries while the machine does not answer; the first ones are for a connection that was only cut. */
  away: [200, 1_000, 5_000],
}

export interface FollowOptions extends JobPlace {
  readonly shell: Shell
  readonly clock: Clock
  /** Aborted by a cancel or a deadline, the job is cancelled and waited for; otherwise it is left to whoever comes next. */
  readonly signal: AbortSignal
  onLines(lines: readonly string[]): void
  /** What its programs complained about last, whenever it is another thing. */
  onComplaint?(line: string): void
  /** The machine does not answer; undefined: it does again. */
  onAway(error: HomelabError | undefined): void
  /** It was cancelled, and is gone without a word: what it would have put back at its end is as it was meanwhile. */
  onLost?(): Promise<void>
}

export type JobOver = Extract<JobState, { readonly state: 'absent' | 'ended' | 'lost' }>

/**
 * @throws the signal's reason when the job was cancelled and has ended, or goes on without us; HomelabError `unclear` when it does not end;
 * errors that no waiting mends (no access, no such container)
 */
export async function followJob(options: FollowOptions): Promise<JobOver> {
  const { shell, directory, environment, clock, signal, onLines, onAway } = options
  const began = clock.monotonic()
  let from = 0
  let away = 0
  let complaint: string | undefined
  let waitingSince: number | undefined
  let cancelledAt: number | undefined
  let toldAt: number | undefined

  async function look(): Promise<JobLook | undefined> {
    try {
      const short = clock.monotonic() - began < timing.wait && !signal.aborted
      const found = await lookAtJob(shell, directory, from, { waitMs: short ? timing.poll : 0 })
      if (away > 0) onAway(undefined)
      away = 0
      return found
    } catch (error) {
      if (!isPassing(error)) throw error
      if (away === 0) onAway(error as HomelabError)
      away += 1
      return undefined
    }
  }

  /** Whether it surely never begins. */
  async function voided(): Promise<boolean> {
    try {
      return await voidJob(shell, { directory, environment })
    } catch (error) {
      if (!isPassing(error)) throw error
      return false
    }
  }

  for (;;) {
    if (signal.aborted && !toldToStop(signal)) throw signal.reason
    const lookedAt = clock.monotonic()
    const found = await look()
    if (found !== undefined) {
      from = found.next
      if (found.lines.length > 0) onLines(found.lines)
      // How it ended is told by what it said last.
      if (found.more && found.lines.length > 0) continue
      const { job } = found
      if (job.state === 'running' && job.complaint !== complaint) {
        complaint = job.complaint
        if (complaint !== undefined) options.onComplaint?.(complaint)
      }
      if (job.state === 'ended' || job.state === 'lost' || job.state === 'absent') {
        const whole = job.state === 'ended' && job.end.code === 0
        if (cancelledAt === undefined || whole) return job
        if (job.state === 'lost') await options.onLost?.()
        throw signal.reason
      }
      if (job.state === 'waiting') {
        waitingSince ??= clock.monotonic()
        const late = clock.monotonic() - waitingSince > timing.begin
        if (late && (await voided())) return { state: 'lost', rebooted: false }
      }
    }
    // A bot that shuts down may do so while it looks: the job is none of that.
    if (toldToStop(signal) && cancelledAt === undefined && found?.job.state === 'waiting') {
      // Nobody is there yet to be asked: it never begins, or has begun by the next look.
      if (await voided()) signal.throwIfAborted()
    } else if (toldToStop(signal) && cancelledAt === undefined && found !== undefined) {
      cancelledAt = clock.monotonic()
      await cancelJob(shell, directory).catch((error: unknown) => {
        if (!isPassing(error)) throw error
        cancelledAt = undefined
      })
    }
    if (toldToStop(signal)) toldAt ??= clock.monotonic()
    if (toldAt !== undefined && clock.monotonic() - toldAt > timing.cancel)
      throw new HomelabError(
        'unclear',
        away > 0
          ? 'The backup job was to end, and its machine does not answer.'
          : 'The backup job was asked to end and goes on.',
        {
          hint: `Look at it on its machine: ${directory}`,
        },
      )
    // A pause of ours ends with a cancel, and none follows it.
    const quiet =
      found?.job.state === 'running' ? timing.poll - (clock.monotonic() - lookedAt) : timing.firstPoll
    const ms = away === 0 ? quiet : (timing.away[Math.min(away, timing.away.length) - 1] ?? timing.poll)
    const rest = ms <= 0 ? undefined : clock.sleep(ms, signal.aborted ? undefined : signal)
    await rest?.catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

/** For when nobody follows it: it is asked to end, waited for, and its folder removed. Nothing when it is over or was never begun. */
export async function endJob(options: Omit<FollowOptions, 'signal' | 'onLines' | 'onAway'>): Promise<void> {
  const { shell, directory, environment } = options
  const told = new AbortController()
  const reason = new HomelabError('cancelled', 'It was cancelled.')
  told.abort(reason)
  try {
    const { job } = await lookAtJob(shell, directory, 0)
    if (
      job.state === 'absent' ||
      (job.state === 'waiting' && (await voidJob(shell, { directory, environment })))
    )
      return
    const over = await followJob({ ...options, signal: told.signal, onLines() {}, onAway() {} })
    if (over.state === 'lost') await options.onLost?.()
  } catch (error) {
    if (error !== reason) throw error
  }
  await clearLostJob(shell, { directory, environment })
}

/** A bot that shuts down aborts as well, and the job must outlive it. */
export const toldToStop = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && isHomelabError(reason) && ['cancelled', 'timeout'].includes(reason.code)

/** The machine is away, and may come back. */
export const isPassing = (error: unknown): boolean =>
  isHomelabError(error) && ['unreachable', 'timeout', 'unclear', 'cancelled'].includes(error.code)
