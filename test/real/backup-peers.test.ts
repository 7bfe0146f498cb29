/**
 * Backups whose repository, disk, restic, container or second bot is in the way. What counts is what a restic of its own
 * finds in the repository in the end.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { botHome } from '../faults/support/backup-bot.ts'
import { type FaultLab, noise, openFaultLab, told } from '../faults/support/backup-lab.ts'
import { holdLock } from '../faults/support/locks.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { type RestServer, startRestServer } from '../support/rest-server.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const isRoot = userInfo().uid === 0
if (!isRoot) console.warn('SKIPPED: full disks and locks of another host, which only root can make')
const version = resticVersions[0] ?? ''

/** A disk of a few megabytes, under a folder that lets everybody through. */
function smallDisk(megabytes: number): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'homelab-small-'))
  if (isRoot) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=711`, 'small', path])
  chmodSync(path, 0o711)
  return {
    path,
    [Symbol.dispose]() {
      if (isRoot) execFileSync('umount', ['-l', path])
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** A pct whose 110 starts at the third try, and whose 102 never does. What it was asked and how they stand lies beside `file`. */
const stubbornPct = (file: string): string => `#!/bin/sh
echo "$1 $2" >>'${file}'
case $1 in
  shutdown) echo stopped >'${file}'."$2" ;;
  status) echo "status: $(cat '${file}'."$2")" ;;
  start)
    [ "$2" = 110 ] && [ "$(grep -c '^start 110' '${file}')" -gt 2 ] || { echo 'CT is locked (backup)' >&2; exit 255; }
    echo running >'${file}'."$2"
    ;;
esac
`

describe.skipIf(!ready)('a backup', () => {
  const stack = new AsyncDisposableStack()
  let lab: FaultLab
  let server: RestServer
  let full: string
  const state = (vmid: number) => readFileSync(join(lab.dir, `pct.${vmid}`), 'utf8').trim()
  const starts = (vmid: number) =>
    readFileSync(join(lab.dir, 'pct'), 'utf8').split(`start ${vmid}\n`).length - 1
  const name = (plan: string) => lab.plan(plan)

  beforeAll(async () => {
    // Before the lab: a container sees what was mounted when it began.
    full = stack.use(smallDisk(6)).path
    const staging = stack.use(smallDisk(2)).path
    server = stack.use(await startRestServer({ appendOnly: true }))
    lab = stack.use(
      await openFaultLab({
        version,
        yaml: ({ dir, postgres, plan }) => `
  full: { restic: ${full}/repository, password: env:RESTIC_PASSWORD }
  rest: { restic: '${server.repository('rest')}', password: env:RESTIC_PASSWORD }
  kept: { restic: '${server.repository('rest')}', password: env:RESTIC_PASSWORD, append_only: true }
backups:
  ${plan('photos')}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: '0 0 29 2 *' }
  ${plan('full')}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [full], schedule: '0 0 29 2 *' }
  ${plan('rest')}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [rest], schedule: '0 0 29 2 *', retention: { last: 1 } }
  ${plan('kept')}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [kept], schedule: '0 0 29 2 *', retention: { last: 1 } }
  ${plan('paused')}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: '0 0 29 2 *', pause: { guests: [plex] } }
  ${plan('stuck')}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: '0 0 29 2 *', pause: { guests: [postgresql] } }
  ${plan('database')}:
    method: pg_dump
    service: postgresql
    user: postgres
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${staging}
    stream: false
    to: [here]
    schedule: '0 0 29 2 *'
`,
      }),
    )
    writeFileSync(join(lab.dir, 'photos', 'one.jpg'), noise(8 * 1024))
    await lab.postgres.createDatabase('immich')
    await lab.postgres.psql(
      'immich',
      `CREATE TABLE assets AS SELECT id, repeat(md5(id::text), 10) AS text FROM generate_series(1, 20000) AS id`,
    )
  })
  afterAll(() => stack.disposeAsync())

  it.skipIf(!isRoot)('is told whose lock it is, and does not take it away', async () => {
    await using holder = await holdLock(version, lab.repository, 'nas')
    const posted = await lab.type(`backup run ${name('photos')}`)
    expect(told(posted)).toEqual({
      code: 'locked',
      text: expect.stringMatching(/holds the lock of here\. It is PID \d+ on nas\./),
    })
    // restic takes a lock for stale when it is over 30 minutes old, whoever's it is (whoever is at work renews it every 5),
    // or when it is of this machine and its process is gone.
    const unlocked = await lab.type('backup unlock here')
    expect(unlocked.output).toMatchObject({ before: 1, left: [{ host: 'nas', exclusive: true }] })
    await holder.kill()
    expect((await lab.type('backup unlock here')).output).toMatchObject({ left: [{ host: 'nas' }] })
    expect(await lab.end(name('photos'))).toEqual({ proven: [], pending: 0, locks: 1, jobs: [] })
    await lab.restic(lab.repository, ['unlock', '--remove-all'])
  })

  it('keeps the lock of a live process of its own machine, and not that of a dead one', async () => {
    await using holder = await holdLock(version, lab.repository)
    expect((await lab.type('backup unlock here')).output).toMatchObject({ left: [{ pid: holder.pid }] })
    await holder.kill()
    expect((await lab.type('backup unlock here')).output).toMatchObject({ before: 1, left: [] })
    expect((await lab.type(`backup run ${name('photos')}`)).error).toBeUndefined()
    expect(await lab.end(name('photos'))).toMatchObject({ proven: [expect.any(String)], locks: 0 })
  })

  it.skipIf(!isRoot)('into a full repository says so, and nothing counts', async () => {
    const repository = join(full, 'repository')
    await quickRepository(version, repository, password)
    expect(told(await lab.type(`backup run ${name('full')}`))).toEqual({
      code: 'failed',
      text: expect.stringContaining('There is no room left in full'),
    })
    expect(await lab.end(name('full'), repository)).toEqual({ proven: [], pending: 0, locks: 0, jobs: [] })
  })

  it.skipIf(!isRoot)('whose dump does not fit says so, and frees what it took', async () => {
    expect(told(await lab.type(`backup run ${name('database')}`))).toEqual({
      code: 'failed',
      text: expect.stringContaining('no room where it is staged'),
    })
    expect(await lab.end(name('database'))).toEqual({ proven: [], pending: 0, locks: 0, jobs: [] })
  })

  it('of which restic could not read everything has no proof', async () => {
    const before = await lab.end(name('photos'))
    const script = (code: number) => `#!/bin/sh
'${resticBinary(version)}' "$@" || exit
[ "$1" != backup ] || exit ${code}
`
    lab.host.program('restic', script(3))
    const posted = await lab.type(`backup run ${name('photos')}`)
    lab.host.program('restic', script(0))
    expect(told(posted)).toEqual({
      code: 'failed',
      text: expect.stringContaining('Some of the files could not be read'),
    })
    expect(await lab.end(name('photos'))).toEqual({ ...before, pending: before.pending + 1 })
    expect((await lab.type(`backup status ${name('photos')} fresh:true`)).output).toMatchObject({
      plans: [{ count: before.proven.length, pending: before.pending + 1 }],
    })
    lab.slow(0)
  })

  it('that two bots begin at once is made by one; the other one is told', async () => {
    const before = await lab.end(name('photos'))
    await using one = await botHome(lab)
    await using two = await botHome(lab)
    await using first = await one.start()
    await using second = await two.start()
    const hold = lab.hold()
    await first.client.submit({ text: `backup run ${name('photos')}`, key: 'backup-of-the-one' })
    await hold.held()
    await second.client.submit({ text: `backup run ${name('photos')}`, key: 'backup-of-the-two' })
    expect(told(await second.end('backup-of-the-two'))).toEqual({
      code: 'conflict',
      text: expect.stringContaining('Another backup of the plan'),
    })
    hold.release()
    expect((await first.end('backup-of-the-one')).error).toBeUndefined()
    const end = await lab.end(name('photos'))
    expect(end).toEqual({ ...before, proven: [...before.proven, expect.any(String)] })
  })

  // These wait for others to try again, so they wait together.
  describe('in no hurry', () => {
    beforeAll(() => lab.host.sshd.program('pct', stubbornPct(join(lab.dir, 'pct'))))

    it.concurrent('whose container does not start twice is tried again until it runs', async () => {
      expect(told(await lab.type(`backup run ${name('paused')}`))).toMatchObject({ code: undefined })
      expect([state(110), starts(110)]).toEqual(['running', 3])
      expect(await lab.end(name('paused'))).toMatchObject({ proven: [expect.any(String)], jobs: [] })
    })

    it.concurrent('whose container never starts is good, and its card says what still stands', async () => {
      expect(told(await lab.type(`backup run ${name('stuck')}`))).toEqual({
        code: 'failed',
        text: expect.stringContaining('The backup is good, but `pct start 102` (exit 1) failed after it'),
      })
      expect([state(102), starts(102)]).toEqual(['stopped', 5])
      expect(await lab.end(name('stuck'))).toMatchObject({ proven: [expect.any(String)], jobs: [] })
    })

    it.concurrent('into an append-only repository is proven; what it keeps cannot be removed', async () => {
      const repository = server.repository('rest')
      expect((await lab.restic(repository, ['init'])).code).toBe(0)
      for (const plan of ['rest', 'rest', 'kept'])
        expect(told(await lab.type(`backup run ${name(plan)}`))).toMatchObject({ code: undefined })
      const before = await lab.end(name('rest'), repository)
      expect(before).toMatchObject({ proven: [expect.any(String), expect.any(String)], pending: 0 })
      expect(told(await lab.type(`backup prune ${name('kept')}`))).toEqual({
        code: 'conflict',
        text: expect.stringContaining('kept is append-only'),
      })
      expect(told(await lab.type(`backup prune ${name('rest')}`))).toEqual({
        code: 'unauthorised',
        text: expect.stringContaining('The keys may not do this in rest'),
      })
      expect(await lab.end(name('rest'), repository)).toEqual(before)
      expect(existsSync(join(server.dir, 'rest', 'locks'))).toBe(true)
    })
  })
})
