import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Postgres, requirePostgres, startPostgres } from '../support/postgres.ts'
import { startRestServer } from '../support/rest-server.ts'
import { openRestic, type ResticResult, requireRestic, resticVersions } from '../support/restic.ts'

const run = promisify(execFile)
const restics = requireRestic()
const postgres = requirePostgres()

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'homelab-peers-'))
  mkdirSync(join(dir, 'source'))
  writeFileSync(join(dir, 'source', 'album.txt'), 'a picture')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function ok(result: ResticResult): string {
  expect(result).toMatchObject({ code: 0 })
  return result.stdout
}
const snapshots = async (restic: ReturnType<typeof openRestic>): Promise<readonly { id: string }[]> =>
  JSON.parse(ok(await restic(['snapshots', '--json'])))

describe.skipIf(!restics)('restic', () => {
  test.concurrent.each(resticVersions)('%s backs up, lists and forgets', async (version) => {
    const repository = join(dir, `repository-${version}`)
    const restic = openRestic(version, { repository })
    expect(ok(await restic(['version']))).toContain(version)
    ok(await restic(['init']))
    ok(await restic(['backup', '--json', '--tag', 'one', join(dir, 'source')]))
    const [made] = await snapshots(restic)
    expect(made).toMatchObject({ tags: ['one'], paths: [join(dir, 'source')] })
    ok(await restic(['forget', made?.id ?? '']))
    expect(readdirSync(join(repository, 'snapshots'))).toEqual([])
  })
})

describe.skipIf(!restics)('the REST server', () => {
  test('that only takes forgets nothing until it is started again without that', async () => {
    await using server = await startRestServer({
      appendOnly: true,
      user: { name: 'ct110', password: 'p w' },
    })
    const restic = openRestic(resticVersions.at(-1) ?? '', { repository: server.repository('photos') })
    ok(await restic(['init']))
    ok(await restic(['backup', join(dir, 'source')]))
    const saved = () => readdirSync(join(server.dir, 'photos', 'snapshots'))
    const [id = ''] = saved()

    const refused = await restic(['forget', id])
    expect(saved()).toEqual([id])
    expect(refused.stderr).toContain('403 Forbidden')

    const config = `http://127.0.0.1:${server.port}/photos/config`
    expect((await fetch(config)).status).toBe(401)
    await server.stop()
    await expect(fetch(config)).rejects.toThrow()
    await server.start({ appendOnly: false })
    ok(await restic(['forget', id]))
    expect(saved()).toEqual([])
  })
})

describe.skipIf(!postgres)('PostgreSQL', () => {
  let server: Postgres
  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('photos')
    await server.psql('photos', 'CREATE TABLE asset AS SELECT id FROM generate_series(1, 1000) id')
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('answers on its socket, and over TCP by password', async () => {
    expect(await server.psql('photos', 'SELECT count(*), current_user FROM asset')).toBe('1000|postgres')
    const psql = join(server.binDir, 'psql')
    const { stdout } = await run(psql, [server.url('photos'), '-XAtc', 'SELECT count(*) FROM asset'])
    expect(stdout).toBe('1000\n')
    const wrong = server.url('photos').replace(server.password, 'wrong')
    await expect(run(psql, [wrong, '-c', 'SELECT 1'])).rejects.toThrow('password authentication failed')
  })

  test('a statement that fails is an error with its words', async () => {
    await expect(server.psql('photos', 'SELECT * FROM nothing')).rejects.toThrow(
      'relation "nothing" does not exist',
    )
  })

  test('is dumped to a folder and restored from it', async () => {
    const at = ['-h', server.socketDir, '-p', String(server.port), '-U', server.user]
    const dump = join(dir, 'dump')
    await run(join(server.binDir, 'pg_dump'), [...at, '-Fd', '-Z0', '-j2', '-f', dump, 'photos'])
    expect(readdirSync(dump)).toContain('toc.dat')
    await server.createDatabase('drill')
    await run(join(server.binDir, 'pg_restore'), [...at, '--exit-on-error', '-d', 'drill', dump])
    expect(await server.psql('drill', 'SELECT count(*), max(id) FROM asset')).toBe('1000|1000')
  })
})
