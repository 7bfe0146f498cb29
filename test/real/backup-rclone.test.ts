/** A repository that rclone serves, as it does for what it alone can reach; with the restic of Debian stable. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BackupLab, openBackupLab } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { rcloneBinary, requireRestic, resticVersions } from '../support/restic.ts'
import { type Server, startServer } from '../support/server.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)

describe.skipIf(!ready)('a repository of rclone', () => {
  const stored = mkdtempSync(join(tmpdir(), 'homelab-rclone-'))
  let rclone: Server
  let lab: BackupLab
  let repository: string
  beforeAll(async () => {
    rclone = await startServer([rcloneBinary(), 'serve', 'restic', '--addr', '127.0.0.1:0', stored], {
      ready: /Serving restic REST API on (http:\/\/127\.0\.0\.1:\d+\/)/,
      env: { RCLONE_CONFIG: '/dev/null' },
    })
    repository = `rest:${rclone.ready[1]}`
    lab = await openBackupLab({
      version: resticVersions.find((version) => version.startsWith('0.18.')) ?? '',
      // Its plans have names of their own: a plan's lock is the whole machine's.
      yaml: ({ dir, postgres }) => `
repositories:
  far: { restic: '${repository}', password: env:RESTIC_PASSWORD }
backups:
  served: { method: restic, node: pve, paths: ['${dir}/photos'], to: [far], schedule: daily, retention: { last: 1 } }
  served-bases:
    method: pg_dump
    service: postgresql
    user: postgres
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [far]
    schedule: daily
`,
    })
    writeFileSync(join(lab.dir, 'photos', 'one.jpg'), 'one')
  })
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]()
    await rclone?.stop()
    rmSync(stored, { recursive: true, force: true })
  })

  const good = async (text: string) => {
    const posted = await lab.type(text)
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  }
  const proofsOf = async (plan: string) =>
    (await lab.snapshots(repository, plan)).filter(({ tags }) => tags.includes('proof')).length

  it('is made, saved to, proven, read through, pruned and restored from', async () => {
    await good('backup run served init:true')
    await good('backup run served-bases')
    expect([await proofsOf('served'), await proofsOf('served-bases')]).toEqual([1, 1])
    await good('backup verify far cycle:1')
    writeFileSync(join(lab.dir, 'photos', 'two.jpg'), 'two')
    await good('backup run served')
    await good('backup prune served')
    expect(await proofsOf('served')).toBe(1)
    await good('backup drill served')
  })
})
