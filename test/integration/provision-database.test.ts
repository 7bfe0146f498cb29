/** Databases on a real PostgreSQL, by psql through a shell as it is inside its container. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { Secret, type Shell } from '@homelab/core'
import { launch } from '@homelab/core/shell'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  canLogIn,
  dropDatabase,
  findDatabase,
  lookAtDatabase,
  makeDatabase,
  newPassword,
  setPassword,
} from '../../core/src/provision/database.ts'
import { type Postgres, requirePostgres, startPostgres } from '../support/postgres.ts'

/** Each argv that was run, and what came in by stdin. */
interface Recorded extends Shell {
  readonly argvs: string[]
  /** Texts that went by stdin without a header of secrets. */
  readonly sql: string[]
}

const bin = mkdtempSync(join(tmpdir(), 'homelab-psql-'))
afterAll(() => rmSync(bin, { recursive: true, force: true }))

/** This machine as the container of the server. */
function shellOf({ binDir, socketDir, port }: Pick<Postgres, 'binDir' | 'socketDir' | 'port'>): Recorded {
  if (userInfo().uid !== 0) {
    // Whoever is not root cannot become somebody else, and reaches the socket of a test's server without that.
    writeFileSync(join(bin, 'setpriv'), '#!/bin/sh\nwhile [ "$1" != psql ]; do shift; done\nexec "$@"\n')
    chmodSync(join(bin, 'setpriv'), 0o755)
  }
  const env = { PATH: `${bin}:${binDir}:${process.env.PATH}`, PGHOST: socketDir, PGPORT: String(port) }
  const argvs: string[] = []
  const sql: string[] = []
  return {
    argvs,
    sql,
    async exec(argv, { secrets, stdin } = {}) {
      argvs.push(argv.join(' '))
      if (typeof stdin === 'string') sql.push(stdin)
      const launched = launch(argv, {
        ...(secrets === undefined ? {} : { secrets }),
        ...(stdin === undefined ? {} : { stdin }),
      })
      const [program = '', ...args] = launched.argv
      const child = spawn(program, args, { env: { ...process.env, ...env } })
      const output = { stdout: '', stderr: '' }
      for (const name of ['stdout', 'stderr'] as const)
        child[name].on('data', (data: Buffer) => {
          output[name] += data.toString()
        })
      child.stdin.on('error', () => {})
      child.stdin.end(launched.stdin)
      const code = await new Promise<number | null>((resolve, reject) => {
        child.on('error', reject)
        child.on('close', resolve)
      })
      return { code, ...output, truncated: false }
    },
  }
}

const immich = { name: 'immich', role: 'immich', extensions: ['pg_trgm', 'earthdistance', 'uuid-ossp'] }
const refused = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe.skipIf(!requirePostgres())('a database on the shared PostgreSQL', () => {
  let postgres: Postgres
  let shell: Recorded
  beforeAll(async () => {
    postgres = await startPostgres()
    await postgres.psql(
      'postgres',
      "ALTER SYSTEM SET log_statement = 'all'; ALTER SYSTEM SET log_min_duration_statement = 0; SELECT pg_reload_conf();",
    )
    shell = shellOf(postgres)
  })
  afterAll(() => postgres[Symbol.asyncDispose]())

  /** How many databases and roles there are of these names. */
  const count = (...names: readonly string[]): Promise<string> => {
    const list = names.map((name) => `'${name}'`).join(', ')
    return postgres.psql(
      'postgres',
      `SELECT (SELECT count(*) FROM pg_database WHERE datname IN (${list})) + (SELECT count(*) FROM pg_roles WHERE rolname IN (${list}))`,
    )
  }

  it('is made with its role and extensions, for nobody else, and again without harm', async () => {
    expect(await lookAtDatabase({ ...immich, extensions: ['pg_trgm', 'vectors'] }, shell)).toEqual({
      version: expect.stringMatching(/^\d+(\.\d+)?$/),
      role: 'absent',
      database: 'absent',
      missing: ['vectors'],
      listens: { addresses: ['127.0.0.1'], port: postgres.port, remote: false },
    })
    expect(await findDatabase(immich, shell, 'run1')).toBe(false)
    await makeDatabase(immich, shell, 'run1')
    await makeDatabase(immich, shell, 'run1')

    expect(await findDatabase(immich, shell, 'run1')).toBe(true)
    expect(await findDatabase(immich, shell, 'run2')).toBe(false)
    expect(await lookAtDatabase(immich, shell)).toMatchObject({
      role: 'there',
      database: 'there',
      owner: 'immich',
      missing: [],
    })
    expect(await postgres.psql('immich', 'SELECT extname FROM pg_extension ORDER BY 1')).toBe(
      'cube\nearthdistance\npg_trgm\nplpgsql\nuuid-ossp',
    )
    expect(
      await postgres.psql(
        'postgres',
        `SELECT pg_encoding_to_char(encoding), rolcanlogin, rolsuper, rolcreatedb, rolpassword IS NULL,
          has_database_privilege('public', datname, 'CONNECT') FROM pg_database d JOIN pg_authid a ON a.oid = datdba WHERE datname = 'immich'`,
      ),
    ).toBe('UTF8|t|f|f|t|f')

    const password = newPassword()
    expect(password.reveal()).toMatch(/^[A-Za-z0-9]{32}$/)
    await setPassword('immich', password, shell)
    await canLogIn(immich, password, shell)
    // As the service will: it owns what it makes.
    const url = `postgres://immich:${password.reveal()}@127.0.0.1:${postgres.port}/immich`
    const made = await shell.exec(['psql', '-Xqw', '-v', 'ON_ERROR_STOP=1', '-d', url], {
      stdin: 'CREATE TABLE photos (id int); INSERT INTO photos VALUES (1);',
    })
    expect(made).toMatchObject({ code: 0, stderr: '' })
  })

  it('is dropped with its sessions by the run that made it, and by no other', async () => {
    const spec = { name: 'gone', role: 'gone' }
    await makeDatabase(spec, shell, 'run1')
    expect(await dropDatabase(spec, shell, 'run2')).toEqual({ database: false, role: false })
    expect(await count('gone')).toBe('2')
    const session = postgres.psql('gone', 'SELECT pg_sleep(60)').catch(String)
    await expect
      .poll(() => postgres.psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE datname = 'gone'"), {
        timeout: 60_000,
      })
      .toBe('1')
    expect(await dropDatabase(spec, shell, 'run1')).toEqual({ database: true, role: true })
    expect(await session).toContain('terminating connection')
    expect(await dropDatabase(spec, shell, 'run1')).toEqual({ database: false, role: false })
    expect(await count('gone')).toBe('0')
  })

  it('is found and finished after a crash at any step', async () => {
    const spec = { name: 'half', role: 'half_role', extensions: ['pg_trgm'] }
    // The connection is lost after so many statements: the role, which is one transaction; the database, not marked yet.
    for (const statements of [4, 5]) {
      const dying: Shell = {
        async exec(argv, { stdin = '', ...options } = {}) {
          if (!String(stdin).includes('COMMENT')) return await shell.exec(argv, { ...options, stdin })
          const kept = String(stdin).split(/(?<=;\n|connect half\n)/)
          expect(kept.length).toBeGreaterThan(statements)
          await shell.exec(argv, { ...options, stdin: kept.slice(0, statements).join('') })
          throw new Error('gone')
        },
      }
      await expect(makeDatabase(spec, dying, 'run1')).rejects.toThrow('gone')
      expect(await findDatabase(spec, shell, 'run1'), `after ${statements}`).toBe(true)
      if (statements === 5) await makeDatabase(spec, shell, 'run1')
      await dropDatabase(spec, shell, 'run1')
      expect(await count('half', 'half_role'), `after ${statements}`).toBe('0')
    }
  })

  it('leaves alone what somebody else has', async () => {
    await postgres.psql(
      'postgres',
      'CREATE ROLE theirs; CREATE ROLE other LOGIN; CREATE DATABASE wiki OWNER theirs',
    )
    const before = await postgres.psql(
      'postgres',
      'SELECT datname, datdba, datacl FROM pg_database ORDER BY 1',
    )
    const role = refused('conflict', 'The role other is there already')
    await expect(makeDatabase({ name: 'fresh', role: 'other' }, shell, 'run1')).rejects.toEqual(role)
    const database = refused('conflict', 'The database wiki is there already')
    await expect(makeDatabase({ name: 'wiki', role: 'wiki' }, shell, 'run1')).rejects.toEqual(database)
    const owned = refused('conflict', 'The database wiki belongs to theirs, not to wiki.')
    await expect(dropDatabase({ name: 'wiki', role: 'wiki' }, shell, { any: true })).rejects.toEqual(owned)
    const missing = refused('not-found', 'has no extension vectors')
    await expect(
      makeDatabase({ name: 'x', role: 'x', extensions: ['vectors'] }, shell, 'run1'),
    ).rejects.toEqual(missing)
    expect(
      await postgres.psql('postgres', 'SELECT datname, datdba, datacl FROM pg_database ORDER BY 1'),
    ).toBe(before)
    expect(await count('x')).toBe('0')

    // A role that has something elsewhere stays, and its database goes.
    const spec = { name: 'wiki2', role: 'wiki2' }
    await makeDatabase(spec, shell, 'run1')
    await postgres.psql('wiki', 'CREATE TABLE t (id int); GRANT SELECT ON t TO wiki2')
    expect(await dropDatabase(spec, shell, { any: true })).toEqual({
      database: true,
      role: false,
      why: 'wiki2 has something in wiki, too',
    })
  })

  it('takes several at once', async () => {
    const specs = Array.from({ length: 3 }, (_, index) => ({ name: `many${index}`, role: `many${index}` }))
    await Promise.all(specs.map((spec, index) => makeDatabase(spec, shell, `run${index}`)))
    // And of two that want the same, one has it.
    const two = await Promise.allSettled(
      ['run1', 'run2'].map((mark) => makeDatabase({ name: 'same', role: 'same' }, shell, mark)),
    )
    expect(two.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(two.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict' } })
    expect(
      await postgres.psql('postgres', "SELECT count(*) FROM pg_database WHERE datname LIKE 'many%'"),
    ).toBe('3')
  })

  it('has a password that is in no argv, no statement and no log, whatever it is made of', async () => {
    const spec = { name: 'odd', role: 'odd' }
    await makeDatabase(spec, shell, 'run1')
    const every = String.fromCharCode(...Array.from({ length: 127 }, (_, index) => index + 1))
    await setPassword('odd', new Secret(every), shell)
    await canLogIn(spec, new Secret(every), shell)
    await expect(canLogIn(spec, newPassword(), shell)).rejects.toEqual(
      refused('unauthorised', 'password authentication failed for user "odd"'),
    )
    await expect(setPassword('odd', new Secret('Ünïcode'), shell)).rejects.toMatchObject({ code: 'usage' })
    await expect(setPassword('odd', new Secret(''), shell)).rejects.toMatchObject({ code: 'usage' })
    await expect(setPassword('nobody', newPassword(), shell)).rejects.toMatchObject({ code: 'not-found' })

    const password = newPassword()
    await setPassword('odd', password, shell)
    await canLogIn(spec, password, shell)
    const kept = await postgres.psql('postgres', "SELECT rolpassword FROM pg_authid WHERE rolname = 'odd'")
    expect(kept).toMatch(/^SCRAM-SHA-256\$4096:/)
    const log = postgres.log()
    expect(log).toContain('CREATE DATABASE "odd"')
    for (const secret of [password.reveal(), kept.slice(20)]) {
      expect(log).not.toContain(secret)
      expect(shell.argvs.join('\n')).not.toContain(secret)
    }
    expect(shell.sql.join('\n')).not.toContain(password.reveal())
  })

  it('says whether pg_hba.conf lets the role in from a network', async () => {
    const spec = { name: 'far', role: 'far' }
    const login = async (from: string) => (await lookAtDatabase(spec, shell, { from })).login
    expect(await login('127.0.0.1')).toMatchObject({ allowed: true, method: 'scram-sha-256' })
    expect(await login('::1')).toMatchObject({ allowed: true })
    expect(await login('192.168.1.50')).toEqual({ allowed: false })
    const file = await postgres.psql('postgres', 'SHOW hba_file')
    const lines = [
      'local all all trust',
      'host other all 192.168.1.0/24 trust',
      'host far far 192.168.1.66/32 reject',
      'hostssl all all 192.168.2.0/24 scram-sha-256',
      'host sameuser all 192.168.1.0 255.255.255.0 md5',
      'host all all lab.example.org md5',
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    expect(await login('192.168.1.50')).toEqual({ allowed: true, method: 'md5', line: 5 })
    expect(await login('192.168.1.66')).toEqual({ allowed: false, method: 'reject', line: 3 })
    // A name that only the server can look up.
    expect(await login('192.168.2.1')).toBeUndefined()
    writeFileSync(file, `${lines.slice(0, 3).join('\n')}\n`)
    await postgres.psql('postgres', 'SELECT pg_reload_conf()')
    await makeDatabase(spec, shell, 'run1')
    await setPassword('far', newPassword(), shell)
    await expect
      .poll(() => canLogIn(spec, newPassword(), shell).catch((error: unknown) => error), { timeout: 60_000 })
      .toEqual(refused('config', 'no pg_hba.conf entry'))
    writeFileSync(file, 'nonsense\n')
    expect(await login('192.168.1.50')).toBeUndefined()
  })

  it.each(['postgres', 'template1', 'Plex', '1a', 'a-b', '', 'a"; DROP', 'pg_x', 'a'.repeat(64)])(
    'refuses the name %j before it asks anything',
    async (name) => {
      const before = shell.argvs.length
      for (const spec of [
        { name, role: 'fine' },
        { name: 'fine', role: name },
      ]) {
        await expect(lookAtDatabase(spec, shell)).rejects.toMatchObject({ code: 'usage' })
        await expect(makeDatabase(spec, shell, 'run1')).rejects.toMatchObject({ code: 'usage' })
        await expect(dropDatabase(spec, shell, { any: true })).rejects.toMatchObject({ code: 'usage' })
      }
      await expect(setPassword(name, newPassword(), shell)).rejects.toMatchObject({ code: 'usage' })
      expect(shell.argvs).toHaveLength(before)
    },
  )

  it('says what to do while the server is down, and where there is none', async () => {
    const down = shellOf({ ...postgres, socketDir: bin })
    await expect(lookAtDatabase(immich, down)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('PostgreSQL does not answer: '),
      hint: expect.stringContaining('restart postgresql'),
    })
    const none: Shell = {
      exec: async () => ({ code: 127, stdout: '', stderr: 'psql: not found', truncated: false }),
    }
    await expect(lookAtDatabase(immich, none)).rejects.toMatchObject({ code: 'config' })
  })
})
