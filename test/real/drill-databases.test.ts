/** The ends of a drill of databases that say nothing of the backup, on a real PostgreSQL. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evidenceIn } from '../../core/src/backup/proofs.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticVersions } from '../support/restic.ts'

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
`,
    })
    await lab.postgres.createDatabase('kept')
    await lab.postgres.psql('kept', 'CREATE TABLE one (id int); INSERT INTO one VALUES (1)')
    writeFileSync(join(lab.dir, 'photos', 'a.jpg'), 'a picture')
    await quickRepository(version, repository(), password)
    for (const plan of ['keepsakes', 'portraits'])
      expect((await lab.type(`backup run ${plan}`)).error).toBeUndefined()
  })
  afterAll(() => lab?.[Symbol.asyncDispose]())

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
