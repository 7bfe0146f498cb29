/** Somebody else's restic that holds the exclusive lock of a repository and does not move. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { password } from '../../support/backup-lab.ts'
import { resticBinary } from '../../support/restic.ts'
import { locksIn, until } from './backup-lab.ts'

export interface Holder extends AsyncDisposable {
  readonly pid: number
  /** Ends it as a power cut would: its lock stays. */
  kill(): Promise<void>
}

/**
 * @param host what its machine is called; undefined: this one
 * @throws Error when it has no lock in time
 */
export async function holdLock(version: string, repository: string, host?: string): Promise<Holder> {
  const had = locksIn(repository).length
  const check = [resticBinary(version), 'check', '--no-cache']
  const argv =
    host === undefined
      ? check
      : ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', host, ...check]
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    stdio: 'ignore',
    env: { ...process.env, RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: password },
  })
  const ended = once(child, 'exit')
  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await ended
  }
  try {
    // It waits 0.2 s after it has made its lock, to see whether somebody else did the same.
    await until(() => locksIn(repository).length > had, 'a lock')
    child.kill('SIGSTOP')
  } catch (error) {
    await kill()
    throw error
  }
  return { pid: child.pid ?? 0, kill, [Symbol.asyncDispose]: kill }
}
