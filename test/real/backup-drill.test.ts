/** Drills on a real sshd with real restics and a real PostgreSQL: a good backup passes, and no broken one ever does. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { evidenceIn } from '../../core/src/backup/proofs.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { plant } from '../support/planted.ts'
import { requirePostgres } from '../support/postgres.ts'
import { startRestServer } from '../support/rest-server.ts'
import { requireRestic, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const versions = ready ? [resticVersions[0] ?? '', resticVersions.at(-1) ?? ''] : []

const output = <T>(posted: Posted): T => posted.output as T
const words = ({ card }: Posted): string => JSON.stringify(card)
const good = (posted: Posted) => expect(posted.error, words(posted)).toBeUndefined()

describe.each(versions)('restic %s', (version) => {
  let lab: BackupLab
  let photos: string
  let repository: string

  beforeAll(async () => {
    lab = await openBackupLab({
      version,
      // The machine's locks go by the plan's name: another test's are others.
      yaml: ({ dir, postgres }) => `
repositories:
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD, egress_price: 0.01 }
  recovered:
    restic: ${dir}/repository
    password: env:RESTIC_PASSWORD
    recovery: { password: env:RESTIC_PASSWORD }
  lost-keys:
    restic: ${dir}/repository
    password: env:RESTIC_PASSWORD
    recovery: { password: env:WRONG_PASSWORD }
backups:
  albums: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here, recovered, lost-keys], schedule: daily, drill: { schedule: weekly, files: 5 } }
  ledgers:
    method: pg_dump
    service: postgresql
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here, recovered]
    schedule: daily
    retention: { last: 9 }
    databases: [money]
  catalogue:
    method: pg_dump
    service: postgresql
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here]
    schedule: daily
    retention: { last: 9 }
    databases: [pictures]
    originals:
      - { database: pictures, query: 'SELECT "originalPath" FROM asset', from: /usr/src/app/upload/, to: '${dir}/photos/', plan: albums }
`,
    })
    photos = join(lab.dir, 'photos')
    repository = join(lab.dir, 'repository')
    mkdirSync(join(photos, '2024'))
    for (const name of ['a', 'b', 'c [1]', "d'e"])
      writeFileSync(join(photos, '2024', `${name}.jpg`), `picture ${name}`)
    await lab.postgres.psql('postgres', 'CREATE ROLE owner')
    await lab.postgres.createDatabase('money')
    await lab.postgres.psql(
      'money',
      "CREATE TABLE entry (id int, at timestamptz, what text); INSERT INTO entry SELECT i, timestamptz '2026-01-01' + i * interval '1 hour', 'n' || i FROM generate_series(1, 5000) i; ALTER TABLE entry OWNER TO owner; CREATE SCHEMA extra; CREATE TABLE extra.\"odd one\" (id int)",
    )
    await quickRepository(version, repository, password)
    good(await lab.type('backup run albums repository:here'))
    good(await lab.type('backup run ledgers repository:here'))
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  const evidence = async (plan: string) =>
    evidenceIn(JSON.parse((await lab.restic(repository, ['snapshots', '--json'])).stdout), plan)
  const drills = async (plan: string) => (await evidence(plan)).drills
  const scratch = async () =>
    await lab.postgres.psql('postgres', "SELECT datname FROM pg_database WHERE datname LIKE 'homelab%'")
  /** Whatever came of it: nothing of it is left. */
  const nothingLeft = async () => {
    expect(await scratch()).toBe('')
    expect(existsSync(join(lab.dir, 'staging')) ? readdirSync(join(lab.dir, 'staging')) : []).toEqual([])
  }

  it('passes for files, with its cost told before, and writes that down', async () => {
    const dry = await lab.type('backup drill albums repository:here --dry-run')
    expect(words(dry)).toMatch(/up to \d+ B \(\$0\.00\)/)
    const posted = await lab.type('backup drill albums repository:here')
    good(posted)
    const [drill] = await drills('albums')
    const { proven, pending } = evidenceIn(
      JSON.parse((await lab.restic(repository, ['snapshots', '--json'])).stdout),
      'albums',
    )
    expect(drill).toMatchObject({ plan: 'albums', of: proven[0]?.snapshot })
    expect(drill?.ms).toBeGreaterThan(0)
    expect(pending).toEqual([])
    expect(output(posted)).toMatchObject({ same: 4, changed: 0 })
  })

  it('tells files that were changed since from files that rotted', async () => {
    appendFileSync(join(photos, '2024', 'a.jpg'), ' and more')
    const posted = await lab.type('backup drill albums repository:recovered')
    expect(output(posted)).toMatchObject({ same: 3, changed: 1, recovery: true })
    const before = await drills('albums')

    const rotten = join(photos, '2024', 'b.jpg')
    const { mtime } = { mtime: await lab.host.shells.host('pve').exec(['stat', '-c', '%.9Y', rotten]) }
    const text = readFileSync(rotten, 'utf8')
    writeFileSync(rotten, text.replace('picture', 'pIcture'))
    await lab.host.shells.host('pve').exec(['touch', '-d', `@${mtime.stdout.trim()}`, rotten])
    const rot = await lab.type('backup drill albums repository:here')
    expect(await drills('albums')).toEqual(before)
    expect(rot.error).toBe('failed')
    expect(words(rot)).toContain('b.jpg')
    writeFileSync(rotten, text)
    utimesSync(rotten, new Date(), new Date())
  })

  it('fails when the recovery copy of the keys does not open the repository', async () => {
    const before = await drills('albums')
    const posted = await lab.type('backup drill albums repository:lost-keys')
    expect(await drills('albums')).toEqual(before)
    expect(posted.error).toBe('unauthorised')
  })

  it('passes for databases, row by row, with the recovery keys', async () => {
    const posted = await lab.type('backup drill ledgers repository:recovered')
    good(posted)
    expect(await drills('ledgers')).toHaveLength(1)
    expect(output(posted)).toMatchObject({ tables: 2, rows: 5000, missingRoles: 0, recovery: true })
    await nothingLeft()
  })

  describe('whose database knows of files', () => {
    const found = async () => (await lab.type('backup drill catalogue')).output as { originals?: unknown }
    const knows = async (name: string) =>
      await lab.postgres.psql('pictures', `INSERT INTO asset VALUES ('/usr/src/app/upload/2024/${name}.jpg')`)

    it('looks for them in the newest backup of the files, and tells those that came after it', async () => {
      await lab.postgres.createDatabase('pictures')
      await lab.postgres.psql('pictures', 'CREATE TABLE asset ("originalPath" text)')
      for (const name of ['a', 'b', 'c [1]', "d''e", 'new']) await knows(name)
      good(await lab.type('backup run catalogue'))
      expect(await found()).toMatchObject({ originals: { checked: 5, missing: 1 } })
    })

    it('passes when all are in the backup that came after the dump', async () => {
      writeFileSync(join(photos, '2024', 'new.jpg'), 'a new picture')
      good(await lab.type('backup run albums repository:here'))
      expect(await found()).toMatchObject({ originals: { checked: 5, missing: 0 } })
      await nothingLeft()
    })

    it('fails when one is not', async () => {
      const before = await drills('catalogue')
      const noted = (await evidence('albums')).failed
      await knows('gone')
      good(await lab.type('backup run catalogue'))
      good(await lab.type('backup run albums repository:here'))
      const posted = await lab.type('backup drill catalogue')
      expect(await drills('catalogue')).toEqual(before)
      expect(posted.error).toBe('failed')
      expect(words(posted)).toMatch(/knows of files that the backup of them does not have: .*missing 1/)
      // The dump is whole, and its retention goes on.
      expect((await evidence('catalogue')).failed).toMatchObject([{ whose: 'nobody' }])
      expect((await evidence('albums')).failed).toEqual(noted)
      good(await lab.type('backup prune catalogue'))
      await nothingLeft()
    })
  })

  it('passes on a server that does not have the roles, and makes none', async () => {
    await lab.postgres.psql('money', 'REASSIGN OWNED BY owner TO postgres')
    await lab.postgres.psql('postgres', 'DROP ROLE owner')
    const posted = await lab.type('backup drill ledgers repository:here')
    good(posted)
    expect(await lab.postgres.psql('postgres', "SELECT count(*) FROM pg_roles WHERE rolname = 'owner'")).toBe(
      '0',
    )
    expect(output(posted)).toMatchObject({ rows: 5000, missingRoles: 1 })
    await lab.postgres.psql('postgres', 'CREATE ROLE owner')
  })

  it('removes what a drill that was killed left behind, when it is a day old', async () => {
    const { postgres } = lab
    for (const name of ['homelab_drill_old0000000_0', 'homelab_drill_new0000000_0', 'homelab_drilling'])
      await postgres.createDatabase(name)
    const oid = await postgres.psql(
      'postgres',
      "SELECT oid FROM pg_database WHERE datname = 'homelab_drill_old0000000_0'",
    )
    const old = new Date(Date.now() - 2 * 86_400_000)
    utimesSync(join(postgres.socketDir, 'data', 'base', oid, 'PG_VERSION'), old, old)
    const folder = join(lab.dir, 'staging', 'homelab-drill-old0000000')
    mkdirSync(folder)
    utimesSync(folder, old, old)
    good(await lab.type('backup drill ledgers repository:here'))
    expect(await scratch()).toBe('homelab_drill_new0000000_0\nhomelab_drilling')
    expect(readdirSync(join(lab.dir, 'staging'))).toEqual([])
    await postgres.psql('postgres', 'DROP DATABASE homelab_drill_new0000000_0')
    await postgres.psql('postgres', 'DROP DATABASE homelab_drilling')
  })

  it('leaves its word in a repository that only takes and never changes', async () => {
    await using server = await startRestServer({ appendOnly: true })
    const append = server.repository('kept')
    await using other = await openBackupLab({
      version,
      yaml: ({ dir }) => `
repositories:
  kept: { restic: '${append}', password: env:RESTIC_PASSWORD, append_only: true }
backups:
  slides: { method: restic, node: pve, paths: ['${dir}/photos'], to: [kept], schedule: daily }
`,
    })
    writeFileSync(join(other.dir, 'photos', 'one.jpg'), 'a picture')
    good(await other.type('backup run slides init:true'))
    good(await other.type('backup drill slides'))
    const { stdout } = await other.restic(append, ['snapshots', '--json'])
    expect(evidenceIn(JSON.parse(stdout), 'slides').drills).toHaveLength(1)
  })

  describe('a broken dump that looks like a good backup fails', () => {
    const data = (folder: string) =>
      readdirSync(join(folder, 'money'))
        .filter((name) => name.endsWith('.dat') && name !== 'toc.dat')
        .map((name) => join(folder, 'money', name))
        .toSorted((a, b) => readFileSync(b).length - readFileSync(a).length)[0] ?? ''
    const cut = (file: string, keep: number) => truncateSync(file, keep)

    it.each([
      {
        what: 'cut in the middle of a row',
        change: (folder: string) => cut(data(folder), 50_001),
        honest: true,
        says: /could not be restored|restored tables are not/,
      },
      {
        what: 'cut between two rows',
        change: (folder: string) => {
          const text = readFileSync(data(folder), 'utf8')
          writeFileSync(data(folder), `${text.slice(0, text.indexOf('\n', 50_000) + 1)}\\.\n\n\n`)
        },
        honest: true,
        says: /not those that were dumped: dumped .*5000/,
      },
      {
        what: 'without its end',
        change: (folder: string) => cut(data(folder), 50_000),
        honest: false,
        says: /not all that was saved/,
      },
      {
        what: 'with half a table of contents',
        change: (folder: string) => cut(join(folder, 'money', 'toc.dat'), 900),
        honest: true,
        says: /truncated/,
      },
      {
        what: 'without its roles',
        change: (folder: string) => cut(join(folder, 'globals.sql'), 20),
        honest: true,
        says: /roles are not in the dump/,
      },
    ])('$what', async ({ change, honest, says }) => {
      const before = await drills('ledgers')
      const planted = await plant(lab, { version, repository, plan: 'ledgers', change, honest })
      const posted = await lab.type('backup drill ledgers repository:here')
      expect(await drills('ledgers')).toEqual(before)
      await nothingLeft()
      expect(posted.error).toBe('failed')
      expect(words(posted)).toMatch(says)
      expect((await evidence('ledgers')).failed.at(-1)).toMatchObject({
        of: expect.stringContaining(planted),
        whose: 'backup',
      })
      // The next one is made of a good one again.
      const both = (await lab.snapshots(repository, 'ledgers')).filter(({ tags }) =>
        tags.some((tag) => tag.startsWith('run=planted')),
      )
      await lab.restic(repository, ['forget', ...both.map(({ id }) => id)])
    })

    it('and keeps all that is older, until one passes or somebody has looked', async () => {
      const all = await lab.snapshots(repository, 'ledgers')
      const status = await lab.type('backup status ledgers fresh:true')
      expect(words(status)).toContain('drill failed')
      expect(words(status)).toMatch(/its drill of 20\S+ failed; nothing of it is pruned there/)
      expect(status.card?.tone).toBe('warning')
      const refused = await lab.type('backup prune ledgers')
      expect([refused.error, words(refused)]).toEqual([
        'conflict',
        expect.stringMatching(/Nothing is removed: the drill of ledgers in here on 20.* failed/),
      ])
      expect(await lab.snapshots(repository, 'ledgers')).toEqual(all)
      // Who has looked need not look again each week; that it is in doubt stays said.
      good(await lab.type('backup prune ledgers force:true'))
      good(await lab.type('backup prune ledgers'))
      expect(words(await lab.type('backup status ledgers fresh:true'))).toContain('drill failed')
      good(await lab.type('backup drill ledgers repository:here'))
      good(await lab.type('backup prune ledgers'))
      expect(words(await lab.type('backup status ledgers fresh:true'))).not.toContain('drill failed')
    })
  })
})
