/** The ends of a drill of databases that say nothing of the backup, on a real PostgreSQL. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evidenceIn } from '../../core/src/backup/proofs.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const version = resticVersions.at(-1) ?? ''

/** PostgreSQL drops no template, and this makes one of the database that it is asked in. */
const keeping = `SELECT 'x' WHERE false) AS q(path); COMMIT; UPDATE pg_database SET datistemplate = true WHERE datname = current_database(); SELECT path FROM (SELECT '/photos/a.jpg'`

describe.skipIf(!ready)('a drill of a database', () => {
  let lab: BackupLab
  const repository = () => `${lab.dir}/repository`

  beforeAll(async () => {
    lab = await openBackupLab({
      version,
      yaml: ({ dir, postgres }) => `
repositories:
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD }
  moving: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD, binary: ${dir}/restic }
backups:
  portraits: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: daily }
  keepsakes:
    method: pg_dump
    service: postgresql
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here]
    schedule: daily
    retention: { last: 9 }
    databases: [kept]
    originals:
      - { database: kept, query: "${keeping}", from: /photos/, to: '${dir}/photos/', plan: portraits }
  mementos:
    method: pg_dump
    service: postgresql
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    stream: true
    to: [moving]
    schedule: daily
    databases: [kept]
`,
    })
    await lab.postgres.createDatabase('kept')
    await lab.postgres.psql('kept', 'CREATE TABLE one (id int); INSERT INTO one VALUES (1)')
    writeFileSync(join(lab.dir, 'photos', 'a.jpg'), 'a picture')
    await quickRepository(version, repository(), password)
    // What a drill reads is gone once, for each that there is a file of.
    const gone = `if [ -f '${lab.dir}/'$what ]; then rm '${lab.dir}/'$what; echo 'Fatal: id 90b0097c not found in repository' >&2; exit 1; fi`
    writeFileSync(
      join(lab.dir, 'restic'),
      `#!/bin/sh
case " $* " in
*' dump --cache-dir '*globals.sql' ') what=roles; ${gone} ;;
*' dump --cache-dir '*)
  what=beginning
  ${gone}
  what=rows
  if [ -f '${lab.dir}/later' ]; then mv '${lab.dir}/later' '${lab.dir}/rows'; else ${gone}; fi ;;
esac
exec '${resticBinary(version)}' "$@"
`,
      { mode: 0o755 },
    )
    for (const plan of ['keepsakes', 'portraits', 'mementos'])
      expect((await lab.type(`backup run ${plan}`)).error).toBeUndefined()
  })
  afterAll(() => lab?.[Symbol.asyncDispose]())

  it('reads it once more when a prune has just moved what it was about to read', async () => {
    const tried = async (...names: readonly string[]) => {
      for (const name of names) writeFileSync(join(lab.dir, name), '')
      const posted = await lab.type('backup drill mementos')
      const { stdout } = await lab.restic(repository(), ['snapshots', '--json'])
      const { drills, failed } = evidenceIn(JSON.parse(stdout), 'mementos')
      expect(failed).toEqual([])
      expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
      for (const name of ['roles', 'beginning', 'later', 'rows'])
        expect(existsSync(join(lab.dir, name))).toBe(false)
      return drills.length
    }
    expect(await tried('roles', 'beginning')).toBe(1)
    // When the database is there, and its rows are about to come.
    expect(await tried('later')).toBe(2)
    const left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'homelab_drill_%'"
    expect(await lab.postgres.psql('postgres', left)).toBe('0')
  })

  it('that was restored and counted, and is not dropped, is held against nobody’s backup', async () => {
    const posted = await lab.type('backup drill keepsakes')
    const { stdout } = await lab.restic(repository(), ['snapshots', '--json'])
    const { drills, failed } = evidenceIn(JSON.parse(stdout), 'keepsakes')
    expect(drills).toEqual([])
    expect(failed).toMatchObject([{ whose: 'nobody' }])
    expect(posted.error).toBe('failed')
    const left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'homelab_drill_%'"
    expect(await lab.postgres.psql('postgres', left)).toBe('1')
    // And keeps no retention from its work.
    expect((await lab.type('backup prune keepsakes')).error).toBeUndefined()
  })
})
