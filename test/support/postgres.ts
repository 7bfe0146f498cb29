import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startServer } from './server.ts'
import { freePort } from './sshd.ts'
import { requireTool } from './tools.ts'

const run = promisify(execFile)
/** Debian keeps the server's programs off the PATH, a folder for each major version. */
const debian = '/usr/lib/postgresql'

export interface Postgres extends AsyncDisposable {
  /** Of pg_dump, pg_restore and psql of the server's own version. */
  readonly binDir: string
  /** For `-h`; whoever reaches the folder is let in without a password. */
  readonly socketDir: string
  readonly port: number
  readonly user: string
  /** Asked for over TCP. */
  readonly password: string
  /** `postgres://postgres:…@127.0.0.1:5432/name`. */
  url(database: string): string
  /** What the statements print, columns separated by `|`. @throws Error with psql's words at the first that fails */
  psql(database: string, sql: string): Promise<string>
  createDatabase(name: string): Promise<void>
  log(): string
}

/** Whether there is a PostgreSQL server to start. In CI a missing one is an error. */
export const requirePostgres = (): boolean =>
  existsSync(debian) ? requireTool('setpriv') : requireTool('setpriv', 'initdb', 'postgres')

/** A PostgreSQL of a test's own, empty, on a socket and a loopback port; it forgets to sync, so that it is quick. */
export async function startPostgres(): Promise<Postgres> {
  const binDir = findPrograms()
  const user = 'postgres'
  const password = randomBytes(12).toString('hex')
  const dir = mkdtempSync(join(tmpdir(), 'homelab-pg-'))
  const data = join(dir, 'data')
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  const owner = serverUser()
  if (owner) for (const path of [dir, passwordFile]) chownSync(path, owner.uid, owner.gid)

  try {
    await run(
      join(binDir, 'initdb'),
      [
        ...['-D', data, '-U', user, '-E', 'UTF8', '--no-locale', '--no-sync'],
        ...['--auth-local=trust', '--auth-host=scram-sha-256', `--pwfile=${passwordFile}`],
      ],
      { cwd: dir, ...owner },
    )
    const port = await freePort()
    const settings = [
      'listen_addresses=127.0.0.1',
      `port=${port}`,
      `unix_socket_directories=${dir}`,
      'fsync=off',
      'full_page_writes=off',
      'synchronous_commit=off',
      'shared_buffers=32MB',
    ]
    const server = await startServer(
      [join(binDir, 'postgres'), '-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      {
        ready: /database system is ready to accept connections/,
        // A fast shutdown: SIGTERM would wait for the sessions to end by themselves.
        end: 'SIGINT',
        ...(owner && { user: owner }),
      },
    )

    async function psql(database: string, sql: string): Promise<string> {
      const args = ['-h', dir, '-p', String(port), '-U', user, '-d', database]
      const asked = run(join(binDir, 'psql'), [...args, '-XqAt', '-v', 'ON_ERROR_STOP=1'], {
        maxBuffer: 64 * 1024 ** 2,
      })
      asked.child.stdin?.end(sql)
      return (await asked).stdout.trimEnd()
    }

    return {
      binDir,
      socketDir: dir,
      port,
      user,
      password,
      url: (database) => `postgres://${user}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
      psql,
      createDatabase: async (name) => {
        await psql('postgres', `CREATE DATABASE "${name.replaceAll('"', '""')}"`)
      },
      log: server.log,
      async [Symbol.asyncDispose]() {
        await server.stop()
        rmSync(dir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

/** PostgreSQL refuses to run as root. @returns undefined when whoever runs the tests can run it */
function serverUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined
  const id = (what: string) => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function findPrograms(): string {
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const folders = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(debian, version, 'bin'))
  const found = [...folders, ...(process.env.PATH ?? '').split(':')].find((folder) =>
    existsSync(join(folder, 'initdb')),
  )
  if (found === undefined) throw new Error('no initdb: install PostgreSQL')
  return found
}
