/**
 * Backups on a real sshd with real restics and a real PostgreSQL. What counts is what the repository has in the end; the
 * ways in which backups are lost without a word were all reproduced once, and each has its test here.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { openRestic, requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
// Debian's own, and the newest: what lies between is told apart in the unit tests of its errors and in peers-backup.test.ts.
const versions = ready ? [resticVersions[0] ?? '', resticVersions.at(-1) ?? ''] : []

const proofs = (all: readonly { tags: string[] }[]) => all.filter(({ tags }) => tags.includes('proof'))
const output = <T>(posted: Posted): T => posted.output as T
const words = ({ card }: Posted): string => JSON.stringify(card)
const told = (posted: Posted) => ({ code: posted.error, text: words(posted) })
/** Folders of the bot's jobs on the machine that are about this lab; other tests have theirs beside them. */
const left = ({ dir }: BackupLab): string[] =>
  (existsSync(jobs) ? readdirSync(jobs) : []).filter((name) => {
    const script = join(jobs, name, 'job')
    return existsSync(script) && readFileSync(script, 'utf8').includes(dir)
  })
const jobs = '/var/lib/homelab/jobs'

describe.each(versions)('restic %s', (version) => {
  let lab: BackupLab
  let repository: string

  beforeAll(async () => {
    lab = await openBackupLab({
      version,
      yaml: ({ dir, postgres }) => `
repositories:
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD }
  locked-out: { restic: ${dir}/repository, password: env:WRONG_PASSWORD }
  nowhere: { restic: ${dir}/nowhere, password: env:RESTIC_PASSWORD }
  rotting: { restic: ${dir}/rotting, password: env:RESTIC_PASSWORD }
backups:
  photos: { method: restic, node: pve, paths: ['${dir}/photos'], exclude: ['*.tmp'], to: [here], schedule: daily, retention: { last: 2 } }
  two: { method: restic, node: pve, paths: ['${dir}/photos', '${dir}/gone'], to: [here], schedule: daily, retention: { last: 2 } }
  inside: { method: restic, service: plex, paths: ['${dir}/photos'], to: [here], schedule: daily }
  wrong: { method: restic, node: pve, paths: ['${dir}/photos'], to: [locked-out], schedule: daily }
  missing: { method: restic, node: pve, paths: ['${dir}/photos'], to: [nowhere], schedule: daily }
  large: { method: restic, node: pve, paths: ['${dir}/large'], to: [rotting], schedule: daily }
  hooked:
    method: restic
    node: pve
    paths: ['${dir}/photos']
    to: [here]
    schedule: daily
    before: [[sh, -c, 'echo before >>${dir}/hooks; test ! -f ${dir}/refuse']]
    after: [[sh, -c, 'echo after >>${dir}/hooks']]
  postgresql:
    method: pg_dump
    service: postgresql
    user: postgres
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here]
    schedule: daily
`,
    })
    repository = `${lab.dir}/repository`
    writeFileSync(join(lab.dir, 'photos', 'one.jpg'), 'one')
    writeFileSync(join(lab.dir, 'photos', 'two.jpg'), 'two')
    writeFileSync(join(lab.dir, 'photos', 'half.tmp'), 'half')
    await quickRepository(version, repository, password)
    await lab.postgres.createDatabase('immich')
    await lab.postgres.psql(
      'immich',
      `CREATE TABLE assets (id int PRIMARY KEY, created_at timestamptz DEFAULT now());
       INSERT INTO assets SELECT generate_series(1, 5000);
       CREATE TABLE "Odd Name" (note text)`,
    )
  })
  afterAll(() => lab?.[Symbol.asyncDispose]())

  it('saves files, proves it, and leaves nothing behind', async () => {
    const posted = await lab.type('backup run photos')
    expect(told(posted)).toMatchObject({ code: undefined })
    expect(output<{ done: object[] }>(posted).done).toMatchObject([
      { repository: 'here', files: 2, bytes: 6, shrunk: [] },
    ])
    const all = await lab.snapshots(repository, 'photos')
    expect(all).toHaveLength(2)
    const [data, proof] = all
    expect(proof?.tags).toEqual(expect.arrayContaining(['proof', 'files=2', 'bytes=6']))
    const of = proof?.tags.find((tag) => tag.startsWith('of='))?.slice(3) ?? '-'
    expect(data?.id.startsWith(of)).toBe(true)
    const { stdout } = await lab.restic(repository, ['ls', data?.id ?? ''])
    expect(stdout).toContain('/photos/one.jpg')
    expect(stdout).not.toContain('half.tmp')
    expect(left(lab)).toEqual([])
    expect((await lab.restic(repository, ['list', 'locks'])).stdout.trim()).toBe('')
  })

  it('says of a container what it says of the node', async () => {
    expect(words(await lab.type('backup run inside'))).not.toContain('"error"')
    expect(proofs(await lab.snapshots(repository, 'inside'))).toHaveLength(1)
  })

  it('dumps every database in one snapshot of each, counts what is in it, and keeps the roles', async () => {
    const posted = await lab.type('backup run postgresql')
    expect(told(posted)).toMatchObject({ code: undefined })
    expect(output<{ done: object[] }>(posted).done).toMatchObject([{ rows: 5000 }])
    const shown = await lab.type('backup show postgresql')
    expect(output<{ databases: object[] }>(shown).databases).toMatchObject([
      {
        database: 'immich',
        tables: [
          { table: 'public."Odd Name"', rows: 0 },
          { table: 'public.assets', rows: 5000, newest: expect.any(String) },
        ],
      },
      { database: 'postgres', tables: [] },
    ])
    const [data] = await lab.snapshots(repository, 'postgresql')
    const { stdout } = await lab.restic(repository, ['ls', data?.id ?? ''])
    expect(stdout).toContain('/postgresql/globals.sql')
    expect(stdout).toContain('/postgresql/immich/toc.dat')
    expect(existsSync(join(lab.dir, 'staging', 'postgresql'))).toBe(false)
  })

  it('adds no data for a database that has not changed', async () => {
    await lab.type('backup run postgresql')
    const posted = await lab.type('backup run postgresql')
    const [done] = output<{ done: { bytes: number; added: number }[] }>(posted).done
    // What is new is of names and times.
    expect(done?.added).toBeLessThan(20_000)
    expect(done?.bytes).toBeGreaterThan(40_000)
    const data = (await lab.snapshots(repository, 'postgresql')).filter(({ tags }) => !tags.includes('proof'))
    const { stdout } = await lab.restic(repository, ['diff', ...data.slice(-2).map(({ id }) => id)])
    expect(stdout).toMatch(/^Data Blobs: +0 new/m)
  })

  describe('nothing is lost without a word', () => {
    const provenOf = async (plan: string) => proofs(await lab.snapshots(repository, plan)).length

    it('when pg_dump is killed midway: no snapshot at all', async () => {
      const had = (await lab.snapshots(repository, 'postgresql')).length
      // Half of the dump is there when it dies.
      lab.host
        .container(102)
        .program('pg_dump', `#!/bin/sh\n/usr/bin/pg_dump "$@" || exit; for last; do :; done; kill -KILL $$\n`)
      const posted = await lab.type('backup run postgresql')
      expect(told(posted)).toMatchObject({
        code: 'failed',
        text: expect.stringContaining('could not be dumped whole'),
      })
      expect(await lab.snapshots(repository, 'postgresql')).toHaveLength(had)
      expect(existsSync(join(lab.dir, 'staging', 'postgresql'))).toBe(false)
      lab.host.container(102).program('pg_dump', '#!/bin/sh\nexec /usr/bin/pg_dump "$@"\n')
    })

    it('when the dump says that it is whole and is not: it is read to its end first', async () => {
      const had = (await lab.snapshots(repository, 'postgresql')).length
      lab.host
        .container(102)
        .program(
          'pg_dump',
          [
            '#!/bin/sh',
            '/usr/bin/pg_dump "$@" || exit',
            'case $HL_OUT in */immich) for file in "$HL_OUT"/*.dat; do [ "$(basename "$file")" = toc.dat ] || rm "$file"; done ;; esac',
            '',
          ].join('\n'),
        )
      const posted = await lab.type('backup run postgresql')
      expect(told(posted)).toMatchObject({ text: expect.stringContaining('cannot be read to its end') })
      expect(await lab.snapshots(repository, 'postgresql')).toHaveLength(had)
      lab.host.container(102).program('pg_dump', '#!/bin/sh\nexec /usr/bin/pg_dump "$@"\n')
    })

    it('when one of several sources is missing: it is named, and nothing is saved', async () => {
      const posted = await lab.type('backup run two')
      expect(told(posted)).toMatchObject({
        text: expect.stringContaining(`${lab.dir}/gone is not there, so nothing was backed up.`),
      })
      expect(await lab.snapshots(repository, 'two')).toEqual([])
    })

    it('when a source is a link, of which only the link would be saved', async () => {
      symlinkSync(join(lab.dir, 'photos'), join(lab.dir, 'gone'))
      expect(words(await lab.type('backup run two'))).toContain(`${lab.dir}/gone is a link`)
      expect(await lab.snapshots(repository, 'two')).toEqual([])
      rmSync(join(lab.dir, 'gone'))
    })

    it('when nothing has a proof: what there is stays, however old', async () => {
      const old = ['--time', '2020-01-01 00:00:00', '--tag', 'plan=two,run=planted']
      await lab.restic(repository, ['backup', ...old, join(lab.dir, 'photos', 'one.jpg')])
      const had = await lab.snapshots(repository, 'two')
      expect(had).toHaveLength(1)
      expect(told(await lab.type('backup prune two'))).toMatchObject({
        code: 'conflict',
        text: expect.stringContaining('is proven'),
      })
      expect(await lab.snapshots(repository, 'two')).toEqual(had)
      await lab.restic(repository, ['forget', had[0]?.id ?? ''])
    })

    it('when somebody has a folder called like the plan where dumps are staged: it is left alone', async () => {
      const theirs = join(lab.dir, 'staging', 'postgresql')
      mkdirSync(theirs, { recursive: true })
      writeFileSync(join(theirs, 'PG_VERSION'), '15')
      const had = (await lab.snapshots(repository, 'postgresql')).length
      expect(told(await lab.type('backup run postgresql'))).toMatchObject({
        code: 'config',
        text: expect.stringContaining('that no backup made'),
      })
      expect(readdirSync(theirs)).toEqual(['PG_VERSION'])
      expect(await lab.snapshots(repository, 'postgresql')).toHaveLength(had)
      rmSync(theirs, { recursive: true })
    })

    it('when a source is empty, as an unmounted disk is', async () => {
      mkdirSync(join(lab.dir, 'gone'))
      const posted = await lab.type('backup run two')
      expect(words(posted)).toContain(`${lab.dir}/gone is empty`)
      expect(await lab.snapshots(repository, 'two')).toEqual([])
      writeFileSync(join(lab.dir, 'gone', 'three.jpg'), 'three')
      expect(words(await lab.type('backup run two'))).not.toContain('"error"')
      expect(await provenOf('two')).toBe(1)
    })

    it('when somebody else planted a snapshot without a proof: it does not count, and is newer', async () => {
      const before = output<{ plans: { last: string; count: number }[] }>(
        await lab.type('backup status photos fresh:true'),
      )
      const tags = ['--tag', 'plan=photos,run=planted']
      const { code } = await lab.restic(repository, ['backup', ...tags, join(lab.dir, 'photos', 'one.jpg')])
      expect(code).toBe(0)
      const after = output<{ plans: { last: string; count: number; pending: number }[] }>(
        await lab.type('backup status photos fresh:true'),
      )
      expect(after.plans).toMatchObject([{ ...before.plans[0], ageMs: expect.any(Number), pending: 1 }])
    })

    it('when the password is wrong, or there is no repository', async () => {
      expect(told(await lab.type('backup run wrong'))).toMatchObject({
        code: 'unauthorised',
        text: expect.stringContaining('password does not open'),
      })
      expect(told(await lab.type('backup run missing'))).toMatchObject({
        code: 'not-found',
        text: expect.stringContaining('init:true'),
      })
      expect(existsSync(join(lab.dir, 'nowhere'))).toBe(false)
      expect(words(await lab.type('backup run missing init:true'))).not.toContain('"error"')
      const { stdout } = await openRestic(version, { repository: join(lab.dir, 'nowhere'), password })([
        'snapshots',
        '--json',
      ])
      expect(proofs(JSON.parse(stdout))).toHaveLength(1)
    })

    // Older ones try for a minute to fetch what is gone.
    it.runIf(version === versions.at(-1))('when what restic called saved cannot be read back', async () => {
      const rotting = join(lab.dir, 'rotting')
      const proven = async () => proofs(await lab.snapshots(rotting, 'large')).length
      mkdirSync(join(lab.dir, 'large'))
      // More than is read back of one.
      writeFileSync(join(lab.dir, 'large', 'film.mkv'), Buffer.alloc(20 * 1024 ** 2, version))
      lab.host.program(
        'restic',
        `#!/bin/sh
'${resticBinary(version)}' "$@"
code=$?
case "$*" in *proof,*) ;; backup*) find "$RESTIC_REPOSITORY/data" -type f -exec rm -f {} + ;; esac
exit "$code"
`,
      )
      const posted = await lab.type('backup run large init:true')
      lab.host.restic(version)
      expect(await proven()).toBe(0)
      expect(await lab.snapshots(rotting, 'large')).toHaveLength(1)
      expect(told(posted)).toEqual({
        code: 'failed',
        text: expect.stringContaining('could not be read back out of the repository'),
      })
      rmSync(rotting, { recursive: true })
      expect(told(await lab.type('backup run large init:true'))).toMatchObject({ code: undefined })
      expect(await proven()).toBe(1)
      // Nobody took the rest of the large file.
      expect((await lab.restic(rotting, ['list', 'locks', '--no-lock'])).stdout.trim()).toBe('')
    })

    it('when it shrinks: nothing older is removed until somebody has looked', async () => {
      writeFileSync(join(lab.dir, 'photos', 'big.jpg'), 'x'.repeat(10_000))
      await lab.type('backup run photos')
      rmSync(join(lab.dir, 'photos', 'big.jpg'))
      const posted = await lab.type('backup run photos')
      expect(words(posted)).toContain('smaller than it was')
      const had = await lab.snapshots(repository, 'photos')
      const refused = await lab.type('backup prune photos')
      expect(told(refused)).toMatchObject({
        code: 'conflict',
        text: expect.stringContaining('less bytes'),
      })
      expect(await lab.snapshots(repository, 'photos')).toEqual(had)
      const pruned = await lab.type('backup prune photos force:true')
      expect(told(pruned)).toMatchObject({ code: undefined })
      expect(output<{ repositories: object[] }>(pruned).repositories).toMatchObject([{ expired: 1, kept: 2 }])
      // Only proven ones are counted; the planted one is younger than a week, and that somebody has looked is noted.
      const now = await lab.snapshots(repository, 'photos')
      expect([now.length, proofs(now).length]).toEqual([6, 2])
    })
  })

  it('runs its commands before and after, and after also when it fails', async () => {
    expect(words(await lab.type('backup run hooked'))).not.toContain('"error"')
    writeFileSync(join(lab.dir, 'refuse'), '')
    const posted = await lab.type('backup run hooked')
    expect(words(posted)).toContain('failed before the backup')
    expect((await lab.host.shells.host('pve').exec(['cat', join(lab.dir, 'hooks')])).stdout).toBe(
      'before\nafter\nbefore\nafter\n',
    )
    expect(proofs(await lab.snapshots(repository, 'hooked'))).toHaveLength(1)
  })

  it('goes on with a cache that a power cut has left half made, and makes it anew', async () => {
    await lab.type('backup run photos')
    const { stdout } = await lab.restic(repository, ['cat', 'config'])
    const cache = join(lab.host.sshd.dir, '.cache', 'restic', JSON.parse(stdout).id, 'version')
    const good = readFileSync(cache, 'utf8')
    writeFileSync(cache, '')
    expect(told(await lab.type('backup list photos'))).toMatchObject({ code: undefined })
    expect(readFileSync(cache, 'utf8')).toBe('')
    // One that another restic makes at this moment is none of them.
    const long = Date.now() / 1000 - 120
    utimesSync(cache, long, long)
    expect(told(await lab.type('backup run photos'))).toMatchObject({ code: undefined })
    expect(readFileSync(cache, 'utf8')).toBe(good)
  })

  it('reads a part of the repository after the other, and finds a damaged pack within its cycle', async () => {
    const first = await lab.type('backup verify here cycle:2')
    expect(told(first)).toEqual({ code: undefined, text: expect.stringContaining('is sound') })
    expect(output<object>(first)).toMatchObject({ part: 1, of: 2, sound: true })
    // One byte in the middle of each pack of the last half.
    const packs = join(repository, 'data')
    const names = readdirSync(packs, { recursive: true })
      .map(String)
      .filter((name) => /\/[0-9a-f]{64}$/.test(name))
    await lab.host.shells
      .host('pve')
      .exec([
        'sh',
        '-c',
        'for f; do chmod u+w "$f"; printf X | dd of="$f" bs=1 seek=40 conv=notrunc 2>/dev/null; done',
        'x',
        ...names.map((name) => join(packs, name)),
      ])
    const second = await lab.type('backup verify here cycle:2')
    expect(output<object>(second)).toMatchObject({ part: 2, of: 2, sound: false })
    expect(words(second)).toContain('is damaged')
  })
})
