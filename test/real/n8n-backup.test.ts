/** The Homelab Backup node, as n8n calls it: a stock sshd, a real restic and a real PostgreSQL. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HomelabBackup } from '../../n8n-nodes/nodes/HomelabBackup/HomelabBackup.node.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupHost, startBackupHost } from '../support/backup-host.ts'
import { type Bench, openBench, type Setting } from '../support/n8n-bench.ts'
import { type Postgres, requirePostgres, startPostgres } from '../support/postgres.ts'
import { openRestic, requireRestic, resticBinary, resticVersions } from '../support/restic.ts'
import { requireTool } from '../support/tools.ts'

const ready = [
  requireTool('sshd', 'ssh-keygen', 'unshare', 'nsenter'),
  requireRestic(),
  requirePostgres(),
].every(Boolean)
const version = resticVersions[0] ?? ''
/** restic 0.14 leaves its lock when it is stopped in its first second. */
const newest = resticVersions.at(-1) ?? ''
const password = 'correct horse battery'
const node = new HomelabBackup()

describe.skipIf(!ready)('the Homelab Backup node', () => {
  const stack = new AsyncDisposableStack()
  let host: BackupHost
  let postgres: Postgres
  let bench: Bench
  let dir: string
  let photos: string

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'homelab-n8n-'))
    stack.defer(() => rmSync(dir, { recursive: true, force: true }))
    // The server's own user gets to its dumps through it.
    chmodSync(dir, 0o711)
    await quickRepository(version, join(dir, 'repository'), password)
    photos = join(dir, 'photos')
    mkdirSync(photos)
    writeFileSync(join(photos, 'one.jpg'), 'one')
    writeFileSync(join(photos, 'two.jpg'), 'two')
    host = stack.use(await startBackupHost({ containers: [{ vmid: 110 }, { vmid: 111, running: false }] }))
    host.restic(version)
    host.container(110).restic(version)
    postgres = stack.use(await startPostgres())
    await postgres.createDatabase('immich')
    await postgres.psql('immich', 'CREATE TABLE assets AS SELECT generate_series(1, 500) AS id')
    bench = stack.use(openBench())
  }, 60_000)
  afterAll(() => stack.disposeAsync())

  interface Own {
    readonly ssh?: Readonly<Record<string, unknown>>
    readonly restic?: Readonly<Record<string, unknown>>
  }

  const credentials = ({ ssh, restic }: Own = {}) => ({
    sshHostApi: {
      host: '127.0.0.1',
      port: host.sshd.port,
      user: host.sshd.host.user,
      authenticateWith: 'privateKey',
      privateKey: readFileSync(join(host.sshd.dir, 'client'), 'utf8'),
      hostKey: host.sshd.hostKey('ed25519').fingerprint,
      node: 'pve',
      jobs: join(dir, 'jobs'),
      ...ssh,
    },
    resticRepositoryApi: {
      backend: 'other',
      repository: join(dir, 'repository'),
      password,
      readOnly: false,
      ...restic,
    },
  })
  const run = async (parameters: Setting['parameters'], own: Own = {}, more: Partial<Setting> = {}) => {
    const { items } = await bench.run(node, { parameters, credentials: credentials(own), ...more })
    return items.map(({ json }) => json)
  }
  const failure = async (work: Promise<unknown>) => {
    const error: unknown = await work.catch((caught: unknown) => caught)
    if (!(error instanceof Error)) throw new Error(`it did not fail: ${JSON.stringify(error)}`)
    return error as Error & { description?: string | null }
  }
  /** As the ready workflows do: Wait, then Get Status, until it is not running. */
  async function finished(first: Record<string, unknown> | undefined, own: Own = {}) {
    let item = first
    for (let looks = 0; item?.state === 'running' && looks < 300; looks += 1) {
      await delay(100)
      ;[item] = await run({ resource: 'job', operation: 'status', job: item.job, stay: 0 }, own)
    }
    return item
  }
  const restic = (...args: string[]) =>
    openRestic(version, { repository: join(dir, 'repository'), password })(args)
  const snapshots = async (plan: string): Promise<readonly { tags: string[] }[]> =>
    JSON.parse((await restic('snapshots', '--json', '--no-lock', '--tag', `plan=${plan}`)).stdout)

  const backup = () => ({
    resource: 'restic',
    operation: 'backup',
    planName: 'photos',
    paths: [photos],
    stay: 60,
  })

  /** A restic that begins this only when it is let: so what is looked at meanwhile is at work. */
  function holdRestic(command: string) {
    const gate = join(dir, 'gate')
    writeFileSync(gate, '')
    host.program(
      'held-restic',
      `#!/bin/sh\nif [ "$1" = ${command} ]; then while [ -e '${gate}' ]; do sleep 0.05; done; fi\nexec '${resticBinary(newest)}' "$@"\n`,
    )
    return {
      own: { restic: { binary: join(host.sshd.dir, 'bin', 'held-restic') } },
      release: () => rmSync(gate, { force: true }),
    }
  }

  it('makes the repository when it is told to', async () => {
    const made = { restic: { repository: join(dir, 'made') } }
    expect((await failure(run(backup(), made))).message).toMatch(/no repository/i)
    const [done] = await run({ ...backup(), options: { init: true } }, made)
    expect(done).toMatchObject({ state: 'done', files: 2 })
  })

  it('saves files and proves them in the repository', async () => {
    const [done] = await run(backup())
    expect(done).toMatchObject({ state: 'done', plan: 'photos', files: 2, bytes: 6 })
    expect((await snapshots('photos')).map(({ tags }) => tags.includes('proof')).sort()).toEqual([
      false,
      true,
    ])
    expect(readdirSync(join(dir, 'jobs', 'jobs'))).toEqual([])
  })

  it('starts and lets go: the id of the job finds it again, from anywhere', async () => {
    const held = holdRestic('backup')
    const [first] = await run({ ...backup(), stay: 0 }, held.own)
    expect(first).toMatchObject({ state: 'running', plan: 'photos', job: expect.any(String) })
    held.release()
    expect(JSON.stringify(first)).not.toContain(password)
    const before = await snapshots('photos')
    const other = openBench()
    const { items } = await other.run(node, {
      parameters: { resource: 'job', operation: 'status', job: '={{ $json.job }}', stay: 60 },
      items: [{ job: String(first?.job) }],
      credentials: credentials(),
    })
    await other[Symbol.asyncDispose]()
    expect(items[0]?.json).toMatchObject({ state: 'done', plan: 'photos', files: 2 })
    expect((await snapshots('photos')).length).toBeGreaterThanOrEqual(before.length)
    // Asked once more, it is still the same backup, and nothing is begun.
    const again = await finished(first)
    expect(again).toMatchObject({ state: 'done', snapshot: items[0]?.json.snapshot })
  })

  it('does not take an id that it has not made', async () => {
    const [first] = await run({ ...backup(), stay: 0 })
    const [body = '', mark = ''] = String(first?.job).split('.')
    const changed = JSON.parse(Buffer.from(body, 'base64url').toString())
    changed.journal['step repository: prepare'].run = '../../photos'
    const forged = `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${mark}`
    const look = { resource: 'job', operation: 'status' }
    expect((await failure(run({ ...look, job: forged }))).message).toContain('no id of a job')
    expect((await failure(run({ ...look, job: 'x' }))).message).toContain('no id of a job')
    const other = { restic: { password: 'another' } }
    expect((await failure(run({ ...look, job: first?.job }, other))).message).toContain('no id of a job')
    expect((await failure(run({ ...look, job: '' }))).message).toBe('Job is missing')
    await finished(first)
  })

  it('ends a job that is cancelled, and leaves no lock', async () => {
    const slow = join(dir, 'slow')
    mkdirSync(slow)
    writeFileSync(join(slow, 'noise'), randomBytes(4 * 1024 * 1024))
    host.program('slow-restic', `#!/bin/sh\nexec '${resticBinary(newest)}' --limit-upload 64 "$@"\n`)
    const own = { restic: { binary: join(host.sshd.dir, 'bin', 'slow-restic') } }
    const [first] = await run({ ...backup(), planName: 'slow', paths: [slow], stay: 0 }, own)
    expect(first).toMatchObject({ state: 'running' })
    const [ended] = await run({ resource: 'job', operation: 'cancel', job: first?.job }, own)
    expect(ended).toEqual({ state: 'cancelled', plan: 'slow' })
    expect((await restic('list', 'locks', '--no-lock')).stdout.trim()).toBe('')
  })

  it('finds a damaged repository wrong, and says so', async () => {
    const own = { restic: { repository: join(dir, 'made') } }
    const packs = execFileSync('find', [join(dir, 'made', 'data'), '-type', 'f'], { encoding: 'utf8' })
    for (const pack of packs.trim().split('\n')) {
      chmodSync(pack, 0o600)
      writeFileSync(pack, 'x'.repeat(statSync(pack).size))
    }
    const check = { resource: 'restic', operation: 'check', cycle: 1, stay: 60 }
    expect((await failure(run(check, own))).message).toMatch(/damaged/)
  })

  it('lists, tells how fresh it is, and finds a file', async () => {
    const list = await run({ resource: 'restic', operation: 'list', planName: 'photos', limit: 1 })
    expect(list).toMatchObject([{ proven: true, files: 2 }])
    const [fresh] = await run({ resource: 'restic', operation: 'freshness', planName: 'photos' })
    expect(fresh).toMatchObject({ plan: 'photos', state: 'fresh' })
    const [never] = await run({ resource: 'restic', operation: 'freshness', planName: 'nothing' })
    expect(never).toMatchObject({ state: 'never' })
    const files = await run({ resource: 'restic', operation: 'find', planName: 'photos', name: 'two' })
    expect(files).toMatchObject([{ path: join(photos, 'two.jpg') }])
  })

  it('restores beside the live file, and drills', async () => {
    const restore = {
      resource: 'restic',
      operation: 'restore',
      planName: 'photos',
      path: join(photos, 'one.jpg'),
    }
    expect((await failure(run(restore))).message).toContain('not confirmed')
    const [plan] = await run({ ...restore, dryRun: true })
    expect(plan).toMatchObject({ dryRun: true, summary: expect.stringContaining('beside the live files') })
    const [done] = await run({ ...restore, confirm: true, options: { to: join(dir, 'back.jpg') }, stay: 60 })
    expect(done).toMatchObject({ state: 'done', to: join(dir, 'back.jpg') })
    expect(readFileSync(join(dir, 'back.jpg'), 'utf8')).toBe('one')
    const [drilled] = await run({ resource: 'restic', operation: 'drill', planName: 'photos', stay: 60 })
    expect(drilled).toMatchObject({ state: 'done', same: 2, changed: 0 })
  })

  it('checks, forgets, counts and unlocks', async () => {
    // Reading a repository takes hours: that is a job, too.
    const held = holdRestic('check')
    const [checking] = await run({ resource: 'restic', operation: 'check', cycle: 1, stay: 0 }, held.own)
    expect(checking).toMatchObject({ state: 'running', plan: 'repository' })
    held.release()
    expect(await finished(checking, held.own)).toMatchObject({ state: 'done', sound: true })
    const forget = {
      resource: 'restic',
      operation: 'forget',
      planName: 'photos',
      keep: { last: 1 },
      stay: 60,
    }
    const [plan] = await run({ ...forget, dryRun: true })
    expect(plan).toMatchObject({ dryRun: true, warnings: ['What is removed cannot be brought back.'] })
    const [forgetting] = await run({ ...forget, confirm: true, stay: 0 })
    expect(await finished(forgetting)).toMatchObject({ state: 'done', kept: 1 })
    // One that was cancelled after its data was saved has no proof, and is left for a week.
    expect((await snapshots('photos')).filter(({ tags }) => tags.includes('proof'))).toHaveLength(1)
    expect(readdirSync(join(dir, 'jobs', 'jobs'))).toEqual([])
    const [stats] = await run({ resource: 'restic', operation: 'stats' })
    expect(stats).toMatchObject({ plans: [{ plan: 'photos', proven: 1 }] })
    const [unlocked] = await run({ resource: 'restic', operation: 'unlock', confirm: true })
    expect(unlocked).toMatchObject({ before: 0, left: [] })
  })

  describe('of PostgreSQL', () => {
    const server = () => ({ host: postgres.socketDir, port: postgres.port, staging: join(dir, 'staging') })
    const own = () => ({ ssh: { container: '110' } })

    it('dumps in a container, verified, and restores beside the live one', async () => {
      host.container(110).program('pg_dump', `#!/bin/sh\nexec ${postgres.binDir}/pg_dump "$@"\n`)
      const dump = { resource: 'postgres', operation: 'dump', planName: 'databases', databases: ['immich'] }
      const [done] = await run({ ...dump, server: server(), stay: 60 }, own())
      expect(done).toMatchObject({ state: 'done', rows: 500 })
      const [shown] = await run({ resource: 'postgres', operation: 'show', planName: 'databases' }, own())
      expect(shown).toMatchObject({ databases: [{ database: 'immich', tables: [{ rows: 500 }] }] })
      const restore = {
        resource: 'postgres',
        operation: 'restore',
        planName: 'databases',
        database: 'immich',
      }
      const [restored] = await run({ ...restore, server: server(), confirm: true, stay: 60 }, own())
      expect(restored).toMatchObject({ state: 'done', to: expect.stringMatching(/^immich_restored_/) })
      expect(await postgres.psql(String(restored?.to), 'SELECT count(*) FROM assets')).toBe('500')
      expect(await postgres.psql('immich', 'SELECT count(*) FROM assets')).toBe('500')
    })

    it('drills on the host itself', async () => {
      const [done] = await run({
        resource: 'postgres',
        operation: 'drill',
        planName: 'databases',
        server: server(),
        stay: 60,
      })
      expect(done).toMatchObject({ state: 'done', rows: 500, tables: 1 })
    })
  })

  describe('in trouble', () => {
    it.each([
      ['a host key that is another', { hostKey: `SHA256:${'A'.repeat(43)}` }, /IS NOT THE HOST EXPECTED/],
      ['what is no host key', { hostKey: 'yes' }, /is not a host key/],
      [
        'a user that may not log in',
        { privateKey: '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----' },
        /private key/,
      ],
      ['a port that nobody listens on', { port: 1 }, /refused the connection/],
      ['a container that does not run', { container: '111' }, /not running/],
      ['a container that is none', { container: 'plex' }, /which is no VMID/],
    ])('names %s, and has run nothing', async (_, ssh, words) => {
      const error = await failure(run({ ...backup(), planName: 'trouble' }, { ssh }))
      expect(error.message).toMatch(words)
      expect(await snapshots('trouble')).toEqual([])
    })

    it('takes the public line of the host key for its fingerprint', async () => {
      const [stats] = await run(
        { resource: 'restic', operation: 'stats' },
        { ssh: { hostKey: host.sshd.hostKey('ed25519').line } },
      )
      expect(stats).toHaveProperty('stored')
    })

    it('names the field that is wrong, and a wrong password of the repository', async () => {
      expect((await failure(run({ ...backup(), planName: '' }))).message).toBe('Plan Name is missing')
      expect((await failure(run({ ...backup(), paths: ['photos'] }))).message).toMatch(
        /^paths.0 must be an absolute path/,
      )
      const wrong = await failure(run(backup(), { restic: { password: 'wrong password' } }))
      expect(wrong.message).toMatch(/password/i)
      expect(`${wrong.message}${wrong.description}`).not.toContain('wrong password')
    })

    it('refuses what the credential does not allow', async () => {
      const readOnly = await failure(run(backup(), { restic: { readOnly: true } }))
      expect(readOnly.message).toContain('read-only')
      const [agent] = await run(backup(), {}, { byAgent: true })
      expect(agent?.error).toContain('AI agents may only read')
    })

    it('says in the credential’s own test what is wrong', async () => {
      const { sshHostTest, resticRepositoryTest } = node.methods.credentialTest
      const context = bench.context(node, { parameters: {} })
      const tested = (own: Own = {}) =>
        sshHostTest.call(context, { id: '', name: '', type: 'sshHostApi', data: credentials(own).sshHostApi })
      expect(await tested()).toMatchObject({
        status: 'OK',
        message: expect.stringContaining('with this key'),
      })
      expect(await tested({ ssh: { container: '111' } })).toMatchObject({ status: 'Error' })
      expect(
        await resticRepositoryTest.call(context, {
          id: '',
          name: '',
          type: 'resticRepositoryApi',
          data: { ...credentials().resticRepositoryApi, backend: 'b2' },
        }),
      ).toMatchObject({ status: 'Error', message: expect.stringContaining('Key ID') })
      expect(existsSync(join(dir, 'trouble'))).toBe(false)
    })
  })
})
