/** A real PostgreSQL for the simulated one: on a socket and an address of the loopback, empty but for the databases of the applications. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, chownSync, createWriteStream, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { photos } from './files.ts'
import { userName } from './tools.ts'

const run = promisify(execFile)
const PORT = 5432
const START_MS = 30_000
/** Bytes of a socket's path on Linux, with the zero at its end. */
const SOCKET_PATH = 108

interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface Place {
  /** Of the data, and of the socket. */
  readonly folder: string
  /** Of the machine, and of the server: it lets its own user in without a password. */
  readonly user: string
  readonly port: number
  /** Of the loopback, and this lab's own: several have a server on the usual port. */
  readonly address: string
  /** What the server says. */
  readonly log: string
}

/**
 * Below the folder of the lab; but PostgreSQL refuses to run as root, whose folders its own user cannot get through, and
 * a socket's path is short: for these it is a folder of the system's temporary ones.
 */
export function placeOf(dir: string): Place {
  const own = join(dir, 'postgresql')
  const fits = Buffer.byteLength(join(own, `.s.PGSQL.${PORT}`)) < SOCKET_PATH
  const digest = createHash('sha256').update(dir).digest()
  const name = `homelab-postgresql-${digest.toString('hex').slice(0, 12)}`
  const folder = fits && process.getuid?.() !== 0 ? own : join(tmpdir(), name)
  const [a = 0, b = 0, c = 0] = digest
  // Below the addresses of new guests, and never the ends of a network.
  const address = `127.${32 + (a % 32)}.${b}.${1 + (c % 254)}`
  return { folder, user: userName() ?? '', port: PORT, address, log: join(folder, 'log') }
}

/** As whom root runs the server; undefined: as oneself. @throws Error when there is nobody */
function ownerFor(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (what: string) =>
        Number(execFileSync('id', [what, name], { stdio: 'pipe', encoding: 'utf8' }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // Then the next one.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody')
}

/** Anew each time, and nobody else's: others may make folders beside it. */
function makeFolder(folder: string, owner: Owner | undefined): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { mode: 0o700 })
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const { uid } = lstatSync(folder)
  if (uid !== (owner?.uid ?? process.getuid?.())) throw new Error(`${folder} belongs to somebody else`)
}

/** The server ends with this process, however that ends: its own input is closed then. */
const keeper = `
"$@" &
server=$!
trap '' INT TERM
cat >/dev/null
kill -INT "$server"
wait "$server"
`

export interface Server {
  stop(): Promise<void>
}

/** @param programs the folder of PostgreSQL's. @throws Error with what it said when it does not start */
export async function startPostgres(
  programs: string,
  { folder, user, port, address, log }: Place,
): Promise<Server> {
  const owner = ownerFor()
  makeFolder(folder, owner)
  const data = join(folder, 'data')
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' }
  const common = { cwd: folder, env, ...owner }
  await run(
    join(programs, 'initdb'),
    [
      ...['-D', data, '-U', user, '-E', 'UTF8', '--no-locale', '--no-sync'],
      ...['--auth-local=trust', '--auth-host=scram-sha-256'],
    ],
    common,
  )
  // The addresses of new guests are of the loopback, too.
  appendFileSync(join(data, 'pg_hba.conf'), 'host all all 127.0.0.0/8 scram-sha-256\n')
  const settings = [
    `listen_addresses=${address}`,
    `port=${port}`,
    `unix_socket_directories=${folder}`,
    'unix_socket_permissions=0700',
    'fsync=off',
    'shared_buffers=16MB',
  ]
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
  const server = spawn('/bin/sh', ['-c', keeper, 'sh', join(programs, 'postgres'), ...args], {
    ...common,
    stdio: ['pipe', 'ignore', 'pipe'],
    // Else a terminal's Ctrl-C would end it before whoever still uses it.
    detached: true,
  })
  const stop = async () => {
    server.stdin?.end()
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await listening(server, log)
    await fill(join(programs, 'psql'), ['-h', folder, '-p', String(port), '-U', user])
  } catch (error) {
    await stop()
    throw error
  }
  return { stop }
}

async function listening(server: ChildProcess, log: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let said = ''
  const late = setTimeout(() => reject(new Error(`PostgreSQL does not start: ${said}`)), START_MS)
  server.once('exit', () => reject(new Error(`PostgreSQL ended: ${said}`)))
  server.once('error', reject)
  const kept = createWriteStream(log, { mode: 0o600 })
  kept.on('error', () => {})
  // Read on to the end: a full pipe would stop it.
  server.stderr?.pipe(kept)
  server.stderr?.on('data', (data: Buffer) => {
    said = `${said}${data}`.slice(-4_000)
    if (said.includes('ready to accept connections')) resolve()
  })
  await promise.finally(() => clearTimeout(late))
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

const assets = photos.map((path, index) => {
  const [, day = '', name = ''] = path.split('/')
  return `(${index + 1}, 1, ${quoted(path)}, ${quoted(name)}, ${quoted(`${day} 12:00:00+00`)})`
})

/** As much of the applications' tables as a dump, a manifest and a drill have something to count. */
const immich = `
CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL UNIQUE, "createdAt" timestamptz NOT NULL DEFAULT now());
CREATE TABLE assets (
  id int PRIMARY KEY, "ownerId" int NOT NULL REFERENCES users (id), "originalPath" text NOT NULL,
  "originalFileName" text NOT NULL, "fileCreatedAt" timestamptz NOT NULL
);
INSERT INTO users VALUES (1, 'anna@example.org', '2023-01-01 12:00:00+00');
INSERT INTO assets VALUES
  ${assets.join(',\n  ')};
ALTER TABLE users OWNER TO immich;
ALTER TABLE assets OWNER TO immich;
`
const nextcloud = `
CREATE TABLE oc_users (uid text PRIMARY KEY, displayname text);
INSERT INTO oc_users VALUES ('anna', 'Anna'), ('harmeet', 'Harmeet');
ALTER TABLE oc_users OWNER TO nextcloud;
`

async function fill(psql: string, args: readonly string[]): Promise<void> {
  for (const [name, sql] of Object.entries({ immich, nextcloud })) {
    await ask(
      psql,
      [...args, '-d', 'postgres'],
      `CREATE ROLE ${name} LOGIN;\nCREATE DATABASE ${name} OWNER ${name};\n`,
    )
    await ask(psql, [...args, '-d', name], sql)
  }
}

async function ask(psql: string, args: readonly string[], sql: string): Promise<void> {
  const asked = run(psql, [...args, '-XqAt', '-v', 'ON_ERROR_STOP=1'], { env: { LC_ALL: 'C' } })
  asked.child.stdin?.end(sql)
  await asked
}
