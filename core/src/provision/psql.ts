/** The shared PostgreSQL by psql inside its container, and what its refusals mean. */
import { type Asked, runPsql } from '../backup/ask-postgres.ts'
import { HomelabError } from '../errors.ts'
import type { ExecResult, Shell } from '../ports.ts'

const SERVER = { user: 'postgres' } as const

/**
 * @returns what it prints
 * @throws HomelabError `unreachable` while the server is down, `unclear` when it went away in between, `config` where there is
 * none, `failed` with its words
 */
export async function psql(shell: Shell, asked: Asked): Promise<string> {
  const result = await runPsql(shell, SERVER, asked)
  if (result.code === 0) return result.stdout.trimEnd()
  throw refusal(result)
}

function refusal({ code, stderr }: ExecResult): HomelabError {
  const said = stderr.trim() || `exit ${code}`
  const data = { stderr: said }
  if (code === 127 || /no such user|setpriv: /.test(said))
    return new HomelabError('config', 'PostgreSQL is not installed there, or has no user "postgres".', {
      hint: 'Is it the guest of the service `postgresql` in homelab.yaml?',
      data,
    })
  // What it says to whoever comes at a bad time passes; what it says to whoever may not come does not.
  const isPassing = !said.includes('FATAL') || /starting up|shutting down|recovery mode|too many/.test(said)
  if (/could not connect|connection to server .* failed/.test(said) && isPassing)
    return new HomelabError('unreachable', `PostgreSQL does not answer: ${firstLine(said)}`, {
      hint: '`logs postgresql` says why; `restart postgresql`, then try again.',
      data,
    })
  if (/server closed the connection|terminating connection|connection to server was lost/.test(said))
    return new HomelabError('unclear', `PostgreSQL went away in between: ${firstLine(said)}`, {
      hint: 'What it was told may have happened; doing it again does no harm.',
      data,
    })
  return new HomelabError('failed', `PostgreSQL says: ${firstLine(said)}`, { data })
}

const firstLine = (said: string): string =>
  (said.split('\n')[0] ?? '').replace(/^(?:psql:(?: error:|\S+:\d+: ERROR:)|ERROR:)\s*/, '').trim()
