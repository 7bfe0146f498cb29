import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Shell } from '../../core/src/ports.ts'
import { Secret } from '../../core/src/secret.ts'
import { type BackupHost, backupHostKinds, startBackupHost } from '../support/backup-host.ts'
import { requirePostgres, startPostgres } from '../support/postgres.ts'
import { startRestServer } from '../support/rest-server.ts'
import { requireRestic } from '../support/restic.ts'
import { requireTool } from '../support/tools.ts'

const restics = requireRestic()
const postgres = requirePostgres()
const kinds = requireTool('pgrep') ? backupHostKinds() : []

describe.skipIf(kinds.length === 0).each(kinds)('a %s host', (kind) => {
  let dir: string
  let host: BackupHost
  let node: Shell
  let inside: Shell
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'homelab-peers-'))
    writeFileSync(join(dir, 'album.txt'), 'a picture')
    host = await startBackupHost({
      kind,
      containers: [{ vmid: 110 }, { vmid: 111, running: false }],
      mounts: [dir],
    })
    node = host.shells.host('pve')
    inside = host.shells.guest(host.container(110).ref)
  })
  afterAll(async () => {
    await host[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  })

  test('runs commands on the node and inside a container', async () => {
    expect(await node.exec(['id', '-u'])).toMatchObject({ code: 0, stdout: `${process.getuid?.()}\n` })
    expect(await inside.exec(['id', '-u'])).toMatchObject({ code: 0, stdout: '0\n' })
    expect(await inside.exec(['sh', '-c', 'cat; exit 7'], { stdin: 'in' })).toMatchObject({
      code: 7,
      stdout: 'in',
    })
    expect((await inside.exec(['cat', join(dir, 'album.txt')])).stdout).toBe('a picture')
    expect((await inside.exec(['cat', '/proc/1/comm'])).stdout).toBe(kind === 'lxc' ? 'systemd\n' : 'sh\n')
  })

  test('keeps the environment of the node out of its containers', async () => {
    const { stdout } = await inside.exec(['env'])
    expect(stdout.trim().split('\n').toSorted()).toEqual([
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'container=lxc',
    ])
  })

  test.skipIf(!restics)('has one restic on the node and another in a container', async () => {
    host.restic('0.14')
    host.container(110).restic('0.18')
    expect((await node.exec(['restic', 'version'])).stdout).toContain('restic 0.14.')
    expect((await inside.exec(['restic', 'version'])).stdout).toContain('restic 0.18.')
  })

  test('fails as pct does for containers that are stopped or not there', async () => {
    const missing = host.shells.guest({ ...host.container(110).ref, vmid: 112 })
    await expect(missing.exec(['true'])).rejects.toMatchObject({ code: 'not-found' })
    const stopped = host.shells.guest(host.container(111).ref)
    await expect(stopped.exec(['true'])).rejects.toMatchObject({ code: 'conflict' })
    expect((await node.exec(['pct', 'status', '111'])).stdout).toBe('status: stopped\n')
    expect((await node.exec(['pct', 'config', '111'])).stdout).toContain(`mp0: ${dir},mp=${dir}\n`)
    expect(await node.exec(['pct', 'start', '111'])).toMatchObject({ code: 0 })
    expect((await node.exec(['pct', 'status', '111'])).stdout).toBe('status: running\n')
    expect(await stopped.exec(['true'])).toMatchObject({ code: 0 })
  })

  test('a command that is cancelled ends inside; a detached one goes on until its container is stopped', async () => {
    const running = async (argv: string) => (await node.exec(['pgrep', '-fx', argv])).code === 0
    const cancel = new AbortController()
    const cancelled = inside.exec(['sh', '-c', 'echo started; exec sleep 4001'], {
      signal: cancel.signal,
      onLine: () => cancel.abort(),
    })
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
    expect(await running('sleep 4001')).toBe(false)

    await inside.exec(['sh', '-c', 'setsid sleep 4002 </dev/null >/dev/null 2>&1 &'])
    expect(await running('sleep 4002')).toBe(true)
    await host.container(110).stop()
    expect(await running('sleep 4002')).toBe(false)
    await host.container(110).start()
    expect(await inside.exec(['true'])).toMatchObject({ code: 0 })
  })

  test.skipIf(!restics || !postgres)('dumps a database and backs it up from inside a container', async () => {
    await using database = await startPostgres()
    await using server = await startRestServer({ appendOnly: true })
    await database.createDatabase('photos')
    await database.psql('photos', 'CREATE TABLE asset AS SELECT id FROM generate_series(1, 1000) id')
    host.container(110).restic('0.14')
    // Without a HOME restic knows no place for its cache.
    const env = { PGPASSWORD: database.password, RESTIC_CACHE_DIR: join(dir, 'cache') }
    const secrets = {
      RESTIC_PASSWORD: new Secret('of the repository'),
      RESTIC_REPOSITORY: new Secret(server.repository('photos')),
    }
    const at = ['-h', '127.0.0.1', '-p', String(database.port), '-U', database.user]
    const dump = join(dir, `dump-${kind}`)
    for (const argv of [
      ['pg_dump', ...at, '-Fd', '-Z0', '-f', dump, 'photos'],
      ['restic', 'init'],
      ['restic', 'backup', dump],
    ]) {
      expect(await inside.exec(argv, { env, secrets })).toMatchObject({ code: 0 })
    }
    expect(readdirSync(join(server.dir, 'photos', 'snapshots'))).toHaveLength(1)
  })

  test.skipIf(kind !== 'lxc')('has systemd, which runs a unit and keeps its output', async () => {
    const unit = ['systemd-run', '--wait', '--unit=homelab-probe', 'sh', '-c', 'echo of the unit; exit 3']
    expect(await inside.exec(unit)).toMatchObject({ code: 3 })
    const journal = await inside.exec(['journalctl', '--unit=homelab-probe', '--output=cat'])
    expect(journal.stdout).toContain('of the unit')
  })

  test.skipIf(kind !== 'lxc')('has a root that others do not see', async () => {
    await inside.exec(['sh', '-c', 'mkdir -p /var/lib/homelab && hostname >/var/lib/homelab/probe'])
    expect((await inside.exec(['cat', '/var/lib/homelab/probe'])).stdout).toBe('ct110\n')
    expect(await node.exec(['cat', '/var/lib/homelab/probe'])).toMatchObject({ code: 1 })
    const other = host.shells.guest(host.container(111).ref)
    expect(await other.exec(['cat', '/var/lib/homelab/probe'])).toMatchObject({ code: 1 })
  })
})
