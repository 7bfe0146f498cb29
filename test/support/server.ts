/** A stock server as a process of a test's own: ready when it says so, ended with the test or with this process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const READY_MS = 20_000
const END_MS = 10_000
const LOG_BYTES = 64 * 1024

export interface Server extends AsyncDisposable {
  readonly pid: number
  /** The line by which it was known to be ready. */
  readonly ready: RegExpExecArray
  /** The end of what it wrote on stdout and stderr. */
  log(): string
  stop(): Promise<void>
}

export interface ServerOptions {
  /** In what it writes when it takes connections. */
  readonly ready: RegExp
  /** What ends it in order, and what it gets when this process dies. Default SIGTERM. */
  readonly end?: 'SIGTERM' | 'SIGINT'
  /** Whom it runs as. Default: whoever runs the tests. */
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly env?: Readonly<Record<string, string>>
  /** How long it may take to be ready. Default 20 s. */
  readonly readyMs?: number
}

/** @throws Error with what it wrote when it ends or is not ready in time */
export async function startServer(
  argv: readonly string[],
  { ready, end = 'SIGTERM', user, env, readyMs = READY_MS }: ServerOptions,
): Promise<Server> {
  // The kernel clears the death signal when the user changes, so one program has to set both.
  const as = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []
  const child = spawn('setpriv', ['--pdeathsig', end.slice(3), ...as, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    env: { ...process.env, ...env },
  })
  const ended = once(child, 'exit')
  const said = Promise.withResolvers<RegExpExecArray>()
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      text = (text + data.toString()).slice(-LOG_BYTES)
      const match = ready.exec(text)
      if (match) said.resolve(match)
    })
  }
  const name = argv[0] ?? ''
  child.once('error', said.reject)
  ended.then(
    ([code, signal]) => said.reject(new Error(`${name} ended with ${code ?? signal}:\n${text}`)),
    said.reject,
  )
  const late = setTimeout(() => said.reject(new Error(`${name} is not ready:\n${text}`)), readyMs)

  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(end)
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await ended
    clearTimeout(timer)
  }

  try {
    const match = await said.promise
    return { pid: child.pid ?? 0, ready: match, log: () => text, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    if (child.pid !== undefined) await stop()
    throw error
  } finally {
    clearTimeout(late)
  }
}
