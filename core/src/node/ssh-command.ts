/** One running command on its channel: input, output, exit code, and its early end. */
import type { ExecOptions, ExecResult } from '../ports.ts'
import type { Secret } from '../secret.ts'
import { collectOutput } from '../shell/index.ts'
import { lostWhileRunning, type Running } from './ssh-pool.ts'

export interface CommandOptions {
  readonly node: string
  readonly stdin: Uint8Array | undefined
  readonly hide: readonly Secret[]
  readonly maxOutputBytes: number
  readonly onLine: ExecOptions['onLine']
  readonly signal: AbortSignal
}

/** Milliseconds that a command gets to end after SIGTERM before it is left to itself. */
const graceMs = 1500

/**
 * Follows the command to its end. sshd reports the exit code before the last output, so only the
 * channel's close is the end.
 * @throws the signal's reason once the command ended or was left to itself; TransportError
 *   `unclear` when the connection is lost before an exit code came
 */
export function followCommand(
  { channel, ...running }: Running,
  options: CommandOptions,
): Promise<ExecResult> {
  const { node, stdin, hide, maxOutputBytes, onLine, signal } = options
  const { promise, resolve, reject } = Promise.withResolvers<ExecResult>()
  let failure: { readonly error: unknown } | undefined
  let grace: NodeJS.Timeout | undefined

  const outputs = (['stdout', 'stderr'] as const).map((name) => {
    const output = collectOutput(maxOutputBytes, hide, onLine && ((line) => !failure && onLine(line, name)))
    const stream = name === 'stdout' ? channel : channel.stderr
    stream.on('data', (chunk: Buffer) => guarded(() => output.push(chunk)))
    return output
  })

  /** A listener that throws must stop this command, not the process. */
  function guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      stop(error)
    }
  }

  function stop(error: unknown): void {
    if (failure) return
    failure = { error }
    running.stop()
    grace = setTimeout(() => {
      running.abandon()
      reject(error)
    }, graceMs)
  }
  const onAbort = () => stop(signal.reason)

  // Writing to a command that has already gone is no failure of the command.
  channel.on('error', () => undefined)
  // Two streams, two ends: what is left in stderr may be read after the channel's own close.
  let openStreams = 2
  const onClose = () => {
    openStreams -= 1
    if (openStreams > 0) return
    signal.removeEventListener('abort', onAbort)
    guarded(() => {
      for (const output of outputs) output.end()
    })
    clearTimeout(grace)
    if (failure) return reject(failure.error)
    const code = running.exitCode()
    if (code === undefined) return reject(lostWhileRunning(node))
    const [stdout, stderr] = outputs.map((output) => output.text())
    resolve({
      code,
      stdout: stdout ?? '',
      stderr: stderr ?? '',
      truncated: outputs.some((output) => output.truncated),
    })
  }
  channel.once('close', onClose)
  channel.stderr.once('close', onClose)

  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  channel.end(stdin)
  return promise
}
