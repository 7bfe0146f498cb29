/** A job in a container that has systemd, as those of Proxmox have: it is a unit of its own there. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backupHostKinds } from '../support/backup-host.ts'
import { type BackupLab, openBackupLab } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres(), backupHostKinds().includes('lxc')].every(Boolean)

describe.skipIf(!ready)('in a container with systemd', () => {
  let lab: BackupLab
  let repository: string
  beforeAll(async () => {
    lab = await openBackupLab({
      version: resticVersions.find((version) => version.startsWith('0.18.')) ?? '',
      kind: 'lxc',
      yaml: ({ dir }) => `
repositories:
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD }
backups:
  systemd:
    method: restic
    service: plex
    paths: ['${dir}/photos']
    to: [here]
    schedule: daily
    before: [[sh, -c, 'cat /proc/self/cgroup >${dir}/cgroup']]
`,
    })
    repository = join(lab.dir, 'repository')
    writeFileSync(join(lab.dir, 'photos', 'one.jpg'), 'one')
    expect((await lab.restic(repository, ['init'])).code).toBe(0)
  })
  afterAll(() => lab?.[Symbol.asyncDispose]())

  it('it is a unit of its own, with its proof in the end, and nothing of it stays', async () => {
    const posted = await lab.type('backup run systemd')
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
    const all = await lab.snapshots(repository, 'systemd')
    expect(all.map(({ tags }) => tags.includes('proof'))).toEqual([false, true])
    const run = all[0]?.tags.find((tag) => tag.startsWith('run='))?.slice(4) ?? ''
    const inside = lab.host.shells.guest(lab.host.container(110).ref)
    // Not beneath the session that began it: that may end.
    expect((await inside.exec(['cat', join(lab.dir, 'cgroup')])).stdout).toContain(`homelab-${run}.service`)
    const { stdout } = await inside.exec(['systemctl', 'list-units', '--all', '--plain', 'homelab-*'])
    expect(stdout).not.toContain(run)
    expect((await inside.exec(['ls', '/var/lib/homelab/jobs', '/run/homelab'])).stdout).not.toContain(run)
  })
})
