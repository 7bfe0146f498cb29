/**
 * Dumps for which there is no room: through a pipe into restic, with every version of it. Whatever dies on the way, no
 * part of a dump may become a snapshot; and what is saved must come back, roles and all, without room either.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evidenceIn } from '../../core/src/backup/proofs.ts'
import { type FaultLab, locksIn, openFaultLab, there, told, until } from '../faults/support/backup-lab.ts'
import { password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const isRoot = userInfo().uid === 0
if (!isRoot) console.warn('SKIPPED: a staging without room, which only root can make')

/** Debian's own one, which ends by itself when it is interrupted, and the newest, which waits for its input to end. */
const versions = ready ? [resticVersions[0] ?? '', resticVersions.at(-1) ?? ''] : []
const passOn = '#!/bin/sh\nexec /usr/bin/pg_dump "$@"\n'

describe.skipIf(!ready).each(versions)('restic %s: a dump that is streamed', (version) => {
  const stack = new AsyncDisposableStack()
  let lab: FaultLab
  let staging: string
  const plan = () => lab.plan('ledger')
  const nothingLeft = () => expect(existsSync(staging) ? readdirSync(staging) : []).toEqual([])

  beforeAll(async () => {
    staging = mkdtempSync(join(tmpdir(), 'homelab-tight-'))
    stack.defer(() => rmSync(staging, { recursive: true, force: true }))
    chmodSync(staging, 0o711)
    if (isRoot) {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=711', 'tight', staging])
      stack.defer(() => void execFileSync('umount', ['-l', staging]))
    }
    lab = stack.use(
      await openFaultLab({
        version,
        yaml: ({ dir, postgres, plan: name }) => {
          const common = `method: pg_dump, service: postgresql, host: '${postgres.socketDir}', port: ${postgres.port}, to: [here], schedule: daily`
          return `
backups:
  ${name('ledger')}: { ${common}, databases: [money], staging: '${staging}'${isRoot ? '' : ', stream: true'} }
  ${name('roomy')}: { ${common}, databases: [money], staging: '${dir}/staging' }
  ${name('several')}: { ${common}, databases: [money, small], staging: '${staging}' }
  ${name('asked')}: { ${common}, databases: [money, small], staging: '${dir}/staging', stream: true }
`
        },
      }),
    )
    await lab.postgres.psql('postgres', 'CREATE ROLE keeper')
    await lab.postgres.createDatabase('small')
    await lab.postgres.createDatabase('money')
    await lab.postgres.psql(
      'money',
      `CREATE TABLE entry AS SELECT i AS id, timestamptz '2026-01-01' + i * interval '1 hour' AS at, repeat(md5(i::text), 10) AS what
         FROM generate_series(1, 20000) i; ALTER TABLE entry OWNER TO keeper`,
    )
  })
  afterAll(() => stack.disposeAsync())

  it('is one file with its proof, because there is no room for it', async () => {
    expect(told(await lab.type(`backup run ${plan()}`))).toMatchObject({ code: undefined })
    expect(await lab.end(plan())).toEqual({ proven: [expect.any(String)], pending: 0, locks: 0, jobs: [] })
    const [data] = await lab.snapshots(lab.repository, plan())
    expect(data?.paths).toEqual([`/${plan()}.dump`])
    nothingLeft()
  })

  it('passes its drill, and comes back beside the live one with its roles', async () => {
    const drill = await lab.type(`backup drill ${plan()}`)
    expect(drill.output, JSON.stringify(drill.card)).toMatchObject({ tables: 1, rows: 20000 })
    nothingLeft()
    await lab.postgres.psql('money', 'DROP TABLE entry')
    await lab.postgres.psql('postgres', 'DROP ROLE keeper')
    const back = await lab.type(`backup restore ${plan()} database:money`)
    const { to: into } = back.output as { to: string }
    expect(
      await lab.postgres.psql(
        into,
        "SELECT count(*) || ' ' || (SELECT tableowner FROM pg_tables WHERE tablename = 'entry') FROM entry",
      ),
    ).toBe('20000 keeper')
    await lab.postgres.psql('money', `CREATE TABLE entry (id int, at timestamptz, what text)`)
    nothingLeft()
  })

  it('takes the place of the live one', async () => {
    // What is put aside is backed up before, by the same way.
    const posted = await lab.type(
      `backup restore ${plan()} database:money live:true snapshot:${(await lab.snapshots(lab.repository, plan()))[0]?.id.slice(0, 12)}`,
    )
    expect(told(posted)).toMatchObject({ code: undefined })
    expect(await lab.postgres.psql('money', 'SELECT count(*) FROM entry')).toBe('20000')
    expect((await lab.end(plan())).proven).toHaveLength(2)
  })

  it('that dies midway becomes no snapshot', async () => {
    const before = await lab.end(plan())
    lab.host
      .container(102)
      .program('pg_dump', '#!/bin/sh\n/usr/bin/pg_dump "$@" | head -c 3000000\nkill -9 $$\n')
    const posted = await lab.type(`backup run ${plan()}`)
    lab.host.container(102).program('pg_dump', passOn)
    expect(told(posted)).toMatchObject({
      code: 'failed',
      text: expect.stringContaining('could not be dumped whole'),
    })
    expect(await lab.end(plan())).toEqual(before)
    nothingLeft()
  })

  it('that ends too early and says that all is well becomes no snapshot', async () => {
    const before = await lab.end(plan())
    lab.host.container(102).program('pg_dump', '#!/bin/sh\n/usr/bin/pg_dump "$@" | head -c 3000000\nexit 0\n')
    const posted = await lab.type(`backup run ${plan()}`)
    lab.host.container(102).program('pg_dump', passOn)
    expect(told(posted)).toMatchObject({
      code: 'failed',
      text: expect.stringContaining('cannot be read to its end'),
    })
    expect(await lab.end(plan())).toEqual(before)
    nothingLeft()
  })

  it('that is cancelled midway leaves nothing', async () => {
    const before = await lab.end(plan())
    const reached = join(lab.dir, 'reached')
    lab.host
      .container(102)
      .program(
        'pg_dump',
        `#!/bin/sh\n/usr/bin/pg_dump "$@" | head -c 3000000\n: >'${lab.dir}/reached'\nexec sleep 300\n`,
      )
    // pg_dump's user writes there.
    chmodSync(lab.dir, 0o777)
    const run = lab.type(`backup run ${plan()}`)
    await there(reached)
    await until(() => locksIn(lab.repository).length === 1, 'restic reads')
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    lab.host.container(102).program('pg_dump', passOn)
    rmSync(reached)
    chmodSync(lab.dir, 0o711)
    expect(await lab.end(plan())).toEqual(before)
    nothingLeft()
  })

  it('whose reader ends before it comes fails, and does not keep its lock', async () => {
    const before = await lab.end(plan())
    lab.host.container(102).program('pg_restore', '#!/bin/sh\nexit 1\n')
    const posted = await lab.type(`backup run ${plan()}`)
    lab.host.container(102).program('pg_restore', '#!/bin/sh\nexec /usr/bin/pg_restore "$@"\n')
    expect(told(posted)).toMatchObject({
      code: 'failed',
      text: expect.stringMatching(/dumped whole|to its end/),
    })
    expect(await lab.end(plan())).toEqual(before)
    nothingLeft()
    expect(told(await lab.type(`backup run ${plan()}`))).toMatchObject({ code: undefined })
  })

  it.each([
    { when: 'just before it', program: 'tee', script: (reached: string) => `: >'${reached}'; sleep 1` },
    {
      when: 'before anything',
      program: 'psql',
      script: (reached: string) => `case " $* " in *dump.sql*) : >'${reached}'; exec sleep 300 ;; esac`,
    },
  ])('that is cancelled $when is written to those who read it does not keep its lock', async (test) => {
    const before = await lab.end(plan())
    const reached = join(lab.dir, 'reached')
    const original = `exec /usr/bin/${test.program} "$@"`
    const replace = (first: string) =>
      lab.host.container(102).program(test.program, `#!/bin/sh\n${first}\n${original}\n`)
    replace(test.script(reached))
    chmodSync(lab.dir, 0o777)
    const run = lab.type(`backup run ${plan()}`)
    await there(reached)
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    replace(':')
    rmSync(reached)
    chmodSync(lab.dir, 0o711)
    expect(await lab.end(plan())).toEqual(before)
    nothingLeft()
    await until(
      async () => told(await lab.type(`backup run ${plan()}`)).code === undefined,
      'nobody holds the lock of the plan',
    )
  })

  it('whose psql is killed, as for want of memory, fails and does not keep its lock', async () => {
    const before = await lab.end(plan())
    // psql runs the shell that runs pg_dump, in a group of a pipe.
    const script = [
      '#!/bin/sh',
      'at=$PPID',
      'until [ "$(cat "/proc/$at/comm")" = psql ]; do at=$(sed "s/.*) //" "/proc/$at/stat" | cut -d" " -f2); done',
      '/usr/bin/pg_dump "$@" | { head -c 3000000; kill -KILL "$at"; exec cat; }',
    ]
    lab.host.container(102).program('pg_dump', `${script.join('\n')}\n`)
    const posted = await lab.type(`backup run ${plan()}`)
    lab.host.container(102).program('pg_dump', passOn)
    expect(told(posted)).toMatchObject({
      code: 'failed',
      text: expect.stringContaining('could not be dumped whole'),
    })
    expect(await lab.end(plan())).toEqual(before)
    nothingLeft()
    await until(
      async () => told(await lab.type(`backup run ${plan()}`)).code === undefined,
      'nobody holds the lock of the plan',
    )
  })

  it('into a repository that refuses says why', async () => {
    const before = await lab.end(plan())
    const script = `#!/bin/sh\n[ "$1" != backup ] || export RESTIC_PASSWORD=wrong\nexec '${resticBinary(version)}' "$@"\n`
    lab.host.container(102).program('restic', script)
    const posted = await lab.type(`backup run ${plan()}`)
    lab.slow(0)
    expect(told(posted)).toMatchObject({ code: 'unauthorised', text: expect.stringContaining('password') })
    expect(await lab.end(plan())).toEqual(before)
    nothingLeft()
  })

  it('that was cut and planted with a proof fails its drill', async () => {
    const all = await lab.snapshots(lab.repository, plan())
    const { proven } = evidenceIn(
      all.map((one) => ({ ...one, time: new Date().toISOString() })) as never,
      plan(),
    )
    // The other one was made of an almost empty database, for which there was room.
    const [last] = proven
    const file = join(lab.dir, `${plan()}.dump`)
    const restored = await lab.restic(lab.repository, ['restore', last?.snapshot ?? '', '--target', lab.dir])
    expect(restored, restored.stderr).toMatchObject({ code: 0 })
    truncateSync(file, 3_000_000)
    const env = { PATH: process.env.PATH, RESTIC_REPOSITORY: lab.repository, RESTIC_PASSWORD: password }
    const save = (args: string[], cwd: string, input?: Buffer) =>
      execFileSync(resticBinary(version), ['--no-cache', 'backup', '--json', ...args], {
        cwd,
        env,
        ...(input && { input }),
      })
        .toString()
        .trim()
        .split('\n')
        .at(-1) ?? ''
    const { snapshot_id: id } = JSON.parse(
      save(
        ['--tag', `plan=${plan()},run=planted`, '--stdin', '--stdin-filename', `${plan()}.dump`],
        lab.dir,
        readFileSync(file),
      ),
    )
    const proof = mkdtempSync(join(tmpdir(), 'homelab-proof-'))
    await lab.restic(lab.repository, ['restore', last?.proof ?? '', '--target', proof])
    const tags = `proof,plan=${plan()},run=planted,of=${id},files=1,bytes=3000000,rows=20000`
    save(['--tag', tags, 'manifest.jsonl', 'globals.sql'], proof)
    rmSync(proof, { recursive: true })
    rmSync(file)
    const before = (await lab.snapshots(lab.repository, plan())).length
    const drill = await lab.type(`backup drill ${plan()}`)
    expect(told(drill)).toMatchObject({ code: 'failed', text: expect.stringContaining('could not be') })
    expect(await lab.snapshots(lab.repository, plan())).toHaveLength(before)
    nothingLeft()
  })

  it('is staged where there is room', async () => {
    const roomy = lab.plan('roomy')
    expect(told(await lab.type(`backup run ${roomy}`))).toMatchObject({ code: undefined })
    const [data] = await lab.snapshots(lab.repository, roomy)
    expect(data?.paths).toEqual([join(lab.dir, 'staging', roomy)])
  })

  it.skipIf(!isRoot)('is not made of several databases without room: nothing is begun', async () => {
    expect(told(await lab.type(`backup run ${lab.plan('several')}`))).toMatchObject({
      code: 'failed',
      text: expect.stringContaining('no room for the dumps of all databases'),
    })
    expect(await lab.end(lab.plan('several'))).toEqual({ proven: [], pending: 0, locks: 0, jobs: [] })
    nothingLeft()
  })

  it('is not made of several databases when it is asked for either', async () => {
    expect(told(await lab.type(`backup run ${lab.plan('asked')}`))).toMatchObject({
      code: 'config',
      text: expect.stringContaining('has one database'),
    })
  })
})
