/** Following one task to its end. */
import { type ErrorCode, HomelabError, isHomelabError } from '../errors.ts'
import type { Progress } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import type { ClientLog } from './client.ts'
import { lockedError, lockIn } from './errors.ts'
import type { TaskLook, TaskReader } from './tasks.ts'
import type { TaskEnd, Tasks, Upid, WaitOptions } from './types.ts'
import { describeTask, parseUpid } from './upid.ts'

const second = 1_000
/** Silence after which a wait gives up. A node that reboots is back within that. */
const silenceLimitMs = 15 * 60 * second
const stopLimitMs = 2 * 60 * second
/** Lines kept for the result. */
const keptLines = 20

function pauseMs(pace: WaitOptions['pace'], elapsedMs: number): number {
  // A small container is saved in seconds, and a plan has many of them.
  if (pace === 'backup') return elapsedMs < 5 * second ? second : 5 * second
  if (elapsedMs < 10 * second) return 300
  return elapsedMs < 60 * second ? second : 2 * second
}

/** vzdump, restore and disk moves write `… 37% …` or `(37.45%)`. */
export function progressOf(line: string): Progress {
  const percent = /(\d{1,3}(?:\.\d+)?) ?%/.exec(line)?.[1]
  const done = Number(percent)
  return percent === undefined || done > 100
    ? { text: line }
    : { text: line, done, total: 100, unit: 'percent' }
}

const passing: readonly ErrorCode[] = ['unreachable', 'timeout']
const isPassing = (error: unknown): error is HomelabError =>
  isHomelabError(error) && passing.includes(error.code)

function failure(upid: Upid, exitStatus: string, log: readonly string[]): HomelabError {
  const data = { upid: upid.text, exitStatus, log }
  const why = exitStatus === 'unexpected status' ? 'it was killed, or its node went down' : exitStatus
  const message = `${describeTask(upid)} failed: ${why}`
  const lock = lockIn(exitStatus)
  if (lock !== undefined) return lockedError(message, lock, data)
  return new HomelabError('failed', message, {
    hint: log.length > 0 ? 'The last lines of its log are with this error.' : 'Its log says more.',
    data,
  })
}

/** By a person or a deadline. A process that ends aborts as well, and leaves the task to go on. */
const toldToStop = (signal: AbortSignal | undefined): boolean =>
  signal?.aborted === true &&
  isHomelabError(signal.reason) &&
  (signal.reason.code === 'cancelled' || signal.reason.code === 'timeout')

export function createWait(reader: TaskReader, clock: Clock, log: ClientLog): Tasks['wait'] {
  /** Hands on lines as they appear; their number is where the next read starts. */
  function follower(upid: Upid, options: WaitOptions) {
    let seen = 0
    let lastRead = clock.monotonic()
    const wanted = options.onLine !== undefined || options.report !== undefined
    return {
      wanted,
      // The server reads the whole file each time, so not at every poll.
      due: () => wanted && clock.monotonic() - lastRead >= (options.pace === 'backup' ? 5 : 1) * second,
      async read(): Promise<void> {
        lastRead = clock.monotonic()
        let lines: readonly string[]
        try {
          lines = await reader.lines(upid, seen, { signal: options.signal, retries: 0 })
        } catch (error) {
          // Only the status decides about the task.
          log('proxmox task log not readable', { upid: upid.text, error: String(error) })
          return
        }
        seen += lines.length
        for (const line of lines) options.onLine?.(line)
        const last = lines.at(-1)
        if (last !== undefined) options.report?.(progressOf(last))
      },
      get seen() {
        return seen
      },
    }
  }

  /** The whole log once more, because lines written since the last look would be lost otherwise. */
  async function finalLog(upid: Upid, options: WaitOptions, seen: number): Promise<readonly string[]> {
    try {
      const lines = await reader.lines(upid, 0)
      for (const line of lines.slice(seen)) options.onLine?.(line)
      return lines.slice(-keptLines)
    } catch (error) {
      // How the task ended is known; without its log that is still the answer.
      log('proxmox task log not readable', { upid: upid.text, error: String(error) })
      return []
    }
  }

  async function finish(upid: Upid, look: TaskLook, options: WaitOptions, seen: number): Promise<TaskEnd> {
    const exitStatus = look.task.exitStatus ?? 'unexpected status'
    const serverNow = (clock.now().getTime() + look.clockOffset) / second
    const outcome = exitStatus === 'OK' ? 'ok' : exitStatus.startsWith('WARNINGS') ? 'warnings' : undefined
    const logWanted = outcome !== 'ok' || options.onLine !== undefined || options.report !== undefined
    const lines = logWanted ? await finalLog(upid, options, seen) : []
    if (outcome === undefined) throw failure(upid, exitStatus, lines)
    const seconds = Math.max(0, Math.round(serverNow - upid.startTime))
    return { upid: upid.text, outcome, exitStatus, log: lines, seconds }
  }

  /** Best effort: whoever gave up waits no longer than stopLimitMs. */
  async function stopTask(upid: Upid): Promise<void> {
    const began = clock.monotonic()
    try {
      await reader.stop(upid)
      while (clock.monotonic() - began < stopLimitMs) {
        if ((await reader.look(upid)).task.exitStatus !== undefined) return
        await clock.sleep(300)
      }
      log('proxmox task does not stop', { upid: upid.text })
    } catch (error) {
      log('proxmox task not stopped', { upid: upid.text, error: String(error) })
    }
  }

  async function follow(upid: Upid, options: WaitOptions): Promise<TaskEnd> {
    const { signal, report, pace } = options
    const began = clock.monotonic()
    const lines = follower(upid, options)
    let heard = began
    let silences = 0
    let pause = !options.mayHaveEnded
    for (;;) {
      if (pause)
        await clock.sleep(pauseMs(pace, clock.monotonic() - began) * Math.min(2 ** silences, 30), signal)
      pause = true
      try {
        const look = await reader.look(upid, { signal, retries: 0 })
        if (look.task.exitStatus !== undefined) return await finish(upid, look, options, lines.seen)
        if (lines.due()) await lines.read()
        heard = clock.monotonic()
        silences = 0
      } catch (error) {
        signal?.throwIfAborted()
        if (!isPassing(error) || clock.monotonic() - heard > silenceLimitMs) throw error
        silences += 1
        log('proxmox task poll failed', { upid: upid.text, error: error.message })
        report?.({ text: `${upid.node} does not answer, still watching` })
      }
    }
  }

  return async (text, options = {}) => {
    const upid = parseUpid(text)
    try {
      return await follow(upid, options)
    } catch (error) {
      if (options.stopOnAbort && toldToStop(options.signal)) await stopTask(upid)
      throw error
    }
  }
}
