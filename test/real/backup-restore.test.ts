/** Putting things back on a real sshd with real restics and a real PostgreSQL. What counts is what is there in the end. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { there } from '../faults/support/backup-lab.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { plant } from '../support/planted.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const versions = ready ? [resticVersions[0] ?? '', resticVersions.at(-1) ?? ''] : []

const output = <T>(posted: Posted): T => posted.output as T
const good = (posted: Posted) => expect(posted.error, words(posted)).toBeUndefined()
const words = ({ card }: Posted): string => JSON.stringify(card)
interface Restored {
  to: string
  before?: string
  snapshot: string
  files?: number
}

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
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD }
backups:
  pictures: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: daily }
  accounts:
    method: pg_dump
    service: postgresql
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here]
    schedule: daily
  whole: { method: vzdump, to: [here], schedule: daily }
`,
    })
    photos = join(lab.dir, 'photos')
    repository = join(lab.dir, 'repository')
    mkdirSync(join(photos, '2024', 'a [1]'), { recursive: true })
    writeFileSync(join(photos, '2024', 'a [1]', 'IMG_12 *.jpg'), 'the picture')
    writeFileSync(join(photos, '2024', 'b.jpg'), 'another')
    symlinkSync('b.jpg', join(photos, '2024', 'link'))
    writeFileSync(join(photos, '20245'), 'not asked for')
    await quickRepository(version, repository, password)
    const run = await lab.type('backup run pictures')
    good(run)
  })
  afterAll(() => lab[Symbol.asyncDispose]())
  const hidden = () => readdirSync(photos).filter((name) => name.startsWith('.'))

  it('puts a folder beside the live one, and no file of that is touched', async () => {
    writeFileSync(join(photos, '2024', 'b.jpg'), 'changed since')
    const posted = await lab.type(`backup restore pictures path:${photos}/2024`)
    good(posted)
    const { to, files } = output<Restored>(posted)
    expect(to).toMatch(/\/photos\/2024\.restored-[a-z0-9]{10}$/)
    expect(readdirSync(to).toSorted()).toEqual(['a [1]', 'b.jpg', 'link'])
    expect(readFileSync(join(to, 'a [1]', 'IMG_12 *.jpg'), 'utf8')).toBe('the picture')
    expect(readFileSync(join(to, 'b.jpg'), 'utf8')).toBe('another')
    expect(readFileSync(join(photos, '2024', 'b.jpg'), 'utf8')).toBe('changed since')
    expect(files).toBe(2)
    expect(hidden()).toEqual([])
    rmSync(to, { recursive: true })
  })

  it('finds a file by a part of its name, and the offered command puts it back', async () => {
    const found = await lab.type('backup find pictures img_12')
    const option = found.card.choices?.options[0]
    expect(option?.label).toBe('IMG_12 *.jpg')
    const command = option?.action.kind === 'command' ? option.action.text : ''
    const posted = await lab.type(command)
    good(posted)
    expect(readFileSync(output<Restored>(posted).to, 'utf8')).toBe('the picture')
    rmSync(output<Restored>(posted).to)
  })

  it('says what it overwrites in place, and leaves what the snapshot does not have', async () => {
    writeFileSync(join(photos, '2024', 'b.jpg'), 'spoilt')
    writeFileSync(join(photos, '2024', 'new.jpg'), 'taken since')
    rmSync(join(photos, '2024', 'a [1]'), { recursive: true })
    const unnamed = await lab.type(`backup restore pictures path:${photos}/2024 inplace:true`)
    expect([unnamed.error, words(unnamed)]).toEqual(['usage', expect.stringContaining('snapshot:')])
    const [snapshot] = /snapshot:[0-9a-f]{8}/.exec(words(unnamed)) ?? []
    const dry = await lab.type(
      `backup restore pictures path:${photos}/2024 ${snapshot} inplace:true --dry-run`,
    )
    expect(words(dry)).toContain('1 file, 6 B that are there now are overwritten')
    expect(readFileSync(join(photos, '2024', 'b.jpg'), 'utf8')).toBe('spoilt')

    const posted = await lab.type(`backup restore pictures path:${photos}/2024 ${snapshot} inplace:true`)
    good(posted)
    expect(readFileSync(join(photos, '2024', 'b.jpg'), 'utf8')).toBe('another')
    expect(readFileSync(join(photos, '2024', 'a [1]', 'IMG_12 *.jpg'), 'utf8')).toBe('the picture')
    expect(readFileSync(join(photos, '2024', 'new.jpg'), 'utf8')).toBe('taken since')
  })

  it('overwrites nothing at another path either', async () => {
    const to = join(lab.dir, 'there')
    writeFileSync(to, 'mine')
    const posted = await lab.type(`backup restore pictures path:${photos}/2024 to:${to}`)
    expect(readFileSync(to, 'utf8')).toBe('mine')
    expect(readdirSync(lab.dir).filter((name) => name.startsWith('.'))).toEqual([])
    expect(posted).toMatchObject({ state: 'done', error: 'conflict' })
    const nowhere = await lab.type(`backup restore pictures path:${photos}/2024 to:${lab.dir}/gone/x`)
    expect(existsSync(join(lab.dir, 'gone'))).toBe(false)
    expect(nowhere.error).toBe('not-found')
  })

  it.each([
    ['backup restore pictures path:relative', 'usage'],
    ['backup restore pictures path:/tmp/../etc', 'usage'],
    ['backup restore pictures', 'usage'],
    ['backup restore accounts path:/x', 'usage'],
    ['backup restore whole path:/x', 'usage'],
    ['backup restore pictures path:/nothing/here', 'not-found'],
    ['backup restore pictures path:/x snapshot:ffffffff', 'not-found'],
  ])('%s is refused', async (line, code) => {
    expect((await lab.type(line)).error).toBe(code)
  })

  it('takes a snapshot without a proof only when somebody insists', async () => {
    await lab.restic(repository, ['backup', '--tag', 'plan=pictures,run=none', photos])
    const all = await lab.snapshots(repository, 'pictures')
    const pending = all.find(({ tags }) => tags.includes('run=none'))?.id ?? ''
    const line = `backup restore pictures path:${photos}/20245 snapshot:${pending.slice(0, 8)}`
    expect((await lab.type(line)).error).toBe('conflict')
    const newest = await lab.type(`backup restore pictures path:${photos}/20245`)
    expect(output<Restored>(newest).snapshot).not.toBe(pending)
    expect(words(await lab.type(`${line} unproven:true --dry-run`))).toContain(
      'its backup may have broken off',
    )
    const posted = await lab.type(`${line} unproven:true`)
    expect(readFileSync(output<Restored>(posted).to, 'utf8')).toBe('not asked for')
  })

  describe('a database', () => {
    const count = async (database: string) =>
      await lab.postgres.psql(database, 'SELECT count(*), max(name) FROM asset')
    const databases = async () =>
      (
        await lab.postgres.psql(
          'postgres',
          "SELECT datname FROM pg_database WHERE datname !~ '^template' ORDER BY 1",
        )
      ).split('\n')

    beforeAll(async () => {
      const { postgres } = lab
      await postgres.psql(
        'postgres',
        'CREATE ROLE immich LOGIN PASSWORD \'x\'; CREATE ROLE reader; CREATE ROLE "odd one"; GRANT reader TO "odd one"',
      )
      await postgres.psql('postgres', 'CREATE DATABASE immich OWNER immich')
      await postgres.psql('postgres', "ALTER DATABASE immich SET search_path TO 'public', 'extra'")
      await postgres.psql(
        'immich',
        'CREATE TABLE asset (id int PRIMARY KEY, name text, at timestamptz DEFAULT now()); INSERT INTO asset SELECT i, \'n\' || i FROM generate_series(1, 500) i; ALTER TABLE asset OWNER TO immich; GRANT SELECT ON asset TO reader, "odd one"',
      )
      const run = await lab.type('backup run accounts')
      good(run)
    })

    it('comes back under another name, with the roles that are missing', async () => {
      await lab.postgres.psql('immich', 'REVOKE ALL ON asset FROM "odd one"')
      await lab.postgres.psql('postgres', 'DROP ROLE "odd one"')
      await lab.postgres.psql('immich', "UPDATE asset SET name = 'wrong'")
      const posted = await lab.type('backup restore accounts database:immich')
      good(posted)
      const { to } = output<Restored>(posted)
      expect(to).toMatch(/^immich_restored_[a-z0-9]{10}$/)
      expect(await count(to)).toBe('500|n99')
      expect(await count('immich')).toBe('500|wrong')
      const member = `SELECT pg_has_role('odd one', 'reader', 'member')`
      expect(await lab.postgres.psql('postgres', member)).toBe('t')
      const about = `SELECT pg_get_userbyid(datdba), (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = '${to}'`
      expect(await lab.postgres.psql('postgres', about)).toBe('immich|{"search_path=public, extra"}')
      expect(readdirSync(join(lab.dir, 'staging'))).toEqual([])
      await lab.postgres.psql('postgres', `DROP DATABASE ${to}`)
    })

    it('takes the place of the live one, after a fresh backup of that', async () => {
      const before = (await lab.snapshots(repository, 'accounts')).length
      const [first] = (await lab.snapshots(repository, 'accounts')).map(({ id }) => id)
      // Somebody is connected, as always.
      const busy = lab.postgres.psql('immich', 'SELECT pg_sleep(60)').catch(String)
      const posted = await lab.type(
        `backup restore accounts database:immich live:true snapshot:${first?.slice(0, 8)}`,
      )
      good(posted)
      const { to, before: old = '' } = output<Restored>(posted)
      expect(to).toBe('immich')
      expect(await count('immich')).toBe('500|n99')
      expect(await count(old)).toBe('500|wrong')
      expect(await busy).toContain('terminating connection')
      // The backup and its proof.
      expect(await lab.snapshots(repository, 'accounts')).toHaveLength(before + 2)
      await lab.postgres.psql('postgres', `DROP DATABASE ${old}`)
    })

    it('leaves the live one as it is when it is cancelled half-way, and nothing else', async () => {
      const [was, rows] = [await databases(), await count('immich')]
      const flag = join(lab.dir, 'restoring')
      const script = `#!/bin/sh\ncase "$*" in *--exit-on-error*) : >'${flag}'; exec sleep 300;; esac\nexec /usr/bin/pg_restore "$@"\n`
      lab.host.container(102).program('pg_restore', script)
      // What the database's user may write in.
      chmodSync(lab.dir, 0o777)
      const [first] = (await lab.snapshots(repository, 'accounts')).map(({ id }) => id)
      const restoring = lab.type(`backup restore accounts database:immich live:true snapshot:${first}`)
      await there(flag)
      await lab.desk.interrupt()
      const posted = await restoring
      chmodSync(lab.dir, 0o711)
      lab.host.container(102).program('pg_restore', '#!/bin/sh\nexec /usr/bin/pg_restore "$@"\n')
      expect(await databases()).toEqual(was)
      expect(await count('immich')).toBe(rows)
      expect(readdirSync(join(lab.dir, 'staging'))).toEqual([])
      expect(readdirSync(join(repository, 'locks'))).toEqual([])
      expect(posted.error).toBe('cancelled')
    })

    it('leaves the live one as it is when the restore fails', async () => {
      await lab.postgres.psql('immich', "UPDATE asset SET name = 'mine'")
      // It reads to its end, and breaks when it is restored: two rows have one key.
      const change = (folder: string) => {
        const data = join(folder, 'immich', table(join(folder, 'immich')))
        writeFileSync(data, readFileSync(data, 'utf8').replace(/^2\t/m, '1\t'))
      }
      await plant(lab, { version, repository, plan: 'accounts', change })
      const was = await databases()
      const unnamed = await lab.type('backup restore accounts database:immich live:true')
      expect(unnamed.error).toBe('usage')
      const [, command = ''] = /`(backup restore [^`]+ snapshot:[0-9a-f]{8})`/.exec(words(unnamed)) ?? []
      const posted = await lab.type(command)
      expect(await count('immich')).toBe('500|mine')
      expect(await databases()).toEqual(was)
      expect(readdirSync(join(lab.dir, 'staging'))).toEqual([])
      expect(posted.error).toBe('failed')
      expect(words(posted)).toContain('The database could not be restored. What is live was not touched.')
    })
  })
})

/** The biggest file of a dump. */
const table = (folder: string): string =>
  readdirSync(folder)
    .filter((name) => /^\d+\.dat$/.test(name))
    .toSorted((a, b) => statSync(join(folder, b)).size - statSync(join(folder, a)).size)[0] ?? ''
