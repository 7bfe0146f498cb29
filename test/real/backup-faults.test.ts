/**
 * Backups whose connection, bot or job dies under them, or that are told to stop. What counts is what a restic of its own
 * finds in the repository in the end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { botHome } from '../faults/support/backup-bot.ts'
import {
  type End,
  type FaultLab,
  jobsOf,
  locksIn,
  noise,
  openFaultLab,
  there,
  told,
  until,
} from '../faults/support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const version = resticVersions[0] ?? ''
// Their schedule never comes: a bot at midnight would make one more.
const MOMENTS = 20
/** Milliseconds: together as long as a backup takes on a quiet machine. */
const STEP = 90

/** One more proven snapshot, saved by one job, and nothing that lies about. */
const isOneMore = (before: End, end: End, saves: number): boolean =>
  end.proven.length === before.proven.length + 1 &&
  saves === 2 &&
  end.pending + end.locks + end.jobs.length === 0

describe.skipIf(!ready)('a backup', () => {
  let lab: FaultLab
  let plan: string
  const database = () => lab.plan('database')
  /** Whether a job of the plan has said that. */
  const said = (text: string) =>
    jobsOf(plan).some((job) => {
      const out = join(job, 'out.jsonl')
      return existsSync(out) && readFileSync(out, 'utf8').includes(text)
    })
  const hooks = () => readFileSync(join(lab.dir, 'hooks'), 'utf8').split('\n').length - 1

  beforeAll(async () => {
    lab = await openFaultLab({
      version,
      yaml: ({ dir, postgres, plan: name }) => `
backups:
  ${name('photos')}:
    method: restic
    node: pve
    paths: ['${dir}/photos']
    to: [here]
    schedule: '0 0 29 2 *'
    after: [[sh, -c, 'echo after >>${dir}/hooks']]
  ${name('database')}:
    method: pg_dump
    service: postgresql
    user: postgres
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here]
    schedule: '0 0 29 2 *'
`,
    })
    plan = lab.plan('photos')
    writeFileSync(join(lab.dir, 'photos', 'one.jpg'), noise(256))
    await lab.postgres.createDatabase('immich')
    await lab.postgres.psql('immich', 'CREATE TABLE assets AS SELECT generate_series(1, 1000) AS id')
  })
  afterAll(() => lab?.[Symbol.asyncDispose]())

  it(`whose SSH is cut at ${MOMENTS} moments ends with its one proof each time`, async () => {
    const wrong: unknown[] = []
    let before = await lab.end(plan)
    for (let moment = 0; moment < MOMENTS; moment += 1) {
      const saved = lab.saves()
      const run = lab.type(`backup run ${plan} due:${new Date().toISOString()}`)
      await delay(moment * STEP)
      for (const pid of lab.host.sshd.sessionPids()) process.kill(pid, 'SIGKILL')
      const posted = await run
      const end = await lab.end(plan)
      const good = posted.error === undefined && isOneMore(before, end, lab.saves() - saved)
      if (!good) wrong.push({ moment, before, end, saves: lab.saves() - saved, told: told(posted) })
      before = end
    }
    expect(wrong).toEqual([])
  })

  it(`whose bot is killed at ${MOMENTS} moments goes on in the next one, as the same run`, async () => {
    await using home = await botHome(lab)
    const wrong: unknown[] = []
    let before = await lab.end(plan)
    let bot = await home.start()
    try {
      for (let moment = 0; moment < MOMENTS; moment += 1) {
        const saved = lab.saves()
        const key = `backup-moment-${String(moment).padStart(4, '0')}`
        await bot.client.submit({ text: `backup run ${plan} due:${new Date().toISOString()}`, key })
        await delay(moment * STEP)
        await bot.kill()
        bot = await home.start()
        const posted = await bot.end(key)
        const end = await lab.end(plan)
        const good = posted.error === undefined && isOneMore(before, end, lab.saves() - saved)
        if (!good) wrong.push({ moment, before, end, saves: lab.saves() - saved, told: told(posted) })
        before = end
      }
    } finally {
      await bot.kill()
    }
    expect(wrong).toEqual([])
  })

  it('whose bot is stopped in order is left alone, and followed by the next one', async () => {
    await using home = await botHome(lab)
    const before = await lab.end(plan)
    const saved = lab.saves()
    const hold = lab.hold()
    const bot = await home.start()
    await bot.client.submit({ text: `backup run ${plan}`, key: 'backup-stopped-01' })
    await hold.held()
    await bot.stop()
    hold.release()
    await using next = await home.start()
    expect((await next.end('backup-stopped-01')).error).toBeUndefined()
    expect(isOneMore(before, await lab.end(plan), lab.saves() - saved)).toBe(true)
  })

  it.each([
    ['is killed', 'same', 'gone without a word'],
    ['dies with its machine', 'rebooted', 'started anew in the middle'],
  ])('whose job %s is said to be lost, is put back, and does not count', async (_how, what, words) => {
    const before = await lab.end(plan)
    const had = hooks()
    const hold = lab.hold()
    const run = lab.type(`backup run ${plan}`)
    await hold.held()
    const [job = ''] = jobsOf(plan)
    const file = join(job, 'pid')
    const [pid, start] = readFileSync(file, 'utf8').split(' ')
    if (what === 'rebooted') writeFileSync(file, `${pid} ${start} 00000000-0000-0000-0000-000000000000\n`)
    process.kill(Number(pid), 'SIGKILL')
    const posted = await run
    expect(told(posted)).toMatchObject({ code: 'failed', text: expect.stringContaining(words) })
    expect(hooks()).toBe(had + 1)
    // What it had begun saves its snapshot, with nobody left to prove it.
    hold.release()
    await until(async () => (await lab.end(plan)).pending > before.pending, 'an unproven snapshot')
    await until(async () => (await lab.end(plan)).locks === 0, 'no lock')
    expect(await lab.end(plan)).toEqual({ ...before, pending: before.pending + 1 })
    expect((await lab.type(`backup run ${plan}`)).error).toBeUndefined()
  })

  it('that is cancelled while it dumps leaves nothing', async () => {
    const before = await lab.end(database())
    const script = '#!/bin/sh\n: >"$HL_WORK/dumping"\nexec sleep 300\n'
    lab.host.container(102).program('pg_dump', script)
    const run = lab.type(`backup run ${database()}`)
    await there(join(lab.dir, 'staging', `${database()}.work`, 'dumping'))
    const began = Date.now()
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(await lab.end(database())).toEqual(before)
    expect(existsSync(join(lab.dir, 'staging', database()))).toBe(false)
    lab.host.container(102).program('pg_dump', '#!/bin/sh\nexec /usr/bin/pg_dump "$@"\n')
    expect((await lab.type(`backup run ${database()}`)).error).toBeUndefined()
  })

  it.each([
    { when: 'while it saves', reached: () => said('"message_type":"status"') },
    // For 0.2 s after that, a signal makes restic 0.14 leave it behind.
    { when: 'at the first sign of its lock', reached: () => locksIn(lab.repository).length > 0 },
  ])('that is cancelled $when leaves nothing', async ({ reached }) => {
    const before = await lab.end(plan)
    writeFileSync(join(lab.dir, 'photos', 'big.jpg'), noise(4096))
    lab.slow(50)
    const run = lab.type(`backup run ${plan}`)
    await until(reached, 'it saves')
    expect(locksIn(lab.repository)).toHaveLength(1)
    const began = Date.now()
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(await lab.end(plan)).toEqual(before)
    lab.slow(0)
    expect((await lab.type(`backup run ${plan}`)).error).toBeUndefined()
  })

  it('that is cancelled before restic takes notice of a signal is asked again', async () => {
    const before = await lab.end(plan)
    const begun = join(lab.dir, 'begun')
    const restic = `'${resticBinary(version)}'`
    // The first signal comes while nobody is there to take notice of it.
    const late = `case " $* " in *' backup '*) : >'${begun}'; sleep 3; exec ${restic} --limit-upload 50 "$@" ;; esac`
    writeFileSync(join(lab.dir, 'photos', 'big.jpg'), noise(4096))
    lab.host.program('restic', `#!/bin/sh\n${late}\nexec ${restic} "$@"\n`)
    const run = lab.type(`backup run ${plan}`)
    await there(begun)
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    expect(await lab.end(plan)).toEqual(before)
    lab.slow(0)
    expect((await lab.type(`backup run ${plan}`)).error).toBeUndefined()
  })

  it('that is cancelled while it is read back does not count, and leaves no lock', async () => {
    const before = await lab.end(plan)
    lab.host.program('restic', `#!/bin/sh\nexec '${resticBinary(version)}' --limit-download 10 "$@"\n`)
    const run = lab.type(`backup run ${plan}`)
    await until(() => said('"stage":"read-back"'), 'it is read back')
    const began = Date.now()
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(await lab.end(plan)).toEqual({ ...before, pending: before.pending + 1 })
    lab.slow(0)
    expect((await lab.type(`backup run ${plan}`)).error).toBeUndefined()
  })

  it('whose drill is cancelled as it begins is left as it was', async () => {
    writeFileSync(join(lab.dir, 'photos', 'big.jpg'), noise(4096))
    expect((await lab.type(`backup run ${plan}`)).error).toBeUndefined()
    const before = await lab.end(plan)
    lab.host.program('restic', `#!/bin/sh\nexec '${resticBinary(version)}' --limit-download 10 "$@"\n`)
    const run = lab.type(`backup drill ${plan}`)
    await until(() => said('"stage":"fetch"'), 'it fetches')
    const began = Date.now()
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(await lab.end(plan)).toEqual(before)
    lab.slow(0)
    expect((await lab.type(`backup drill ${plan}`)).error).toBeUndefined()
  })

  it.each([
    { what: 'run', lock: '' },
    { what: 'drill', lock: '.drill' },
  ])('says whose lock of the plan it is when there is a $what already', async ({ what, lock }) => {
    const file = `/var/lib/homelab/locks/${plan}${lock}`
    // As a job does.
    const holding = 'exec 9>>"$1" && flock 9 && echo $$ >"$1" && echo && exec sleep 300'
    const holder = spawn('sh', ['-c', holding, 'homelab', file], { detached: true })
    await once(holder.stdout, 'data')
    const posted = await lab.type(`backup ${what} ${plan}`)
    process.kill(-(holder.pid ?? 0), 'SIGKILL')
    await once(holder, 'exit')
    const { code, text } = told(posted)
    expect(code).toBe('conflict')
    expect(text).toContain(`as process ${holder.pid} for `)
    expect(text).toContain(`kill ${holder.pid}`)
    expect((await lab.type(`backup ${what} ${plan}`)).error).toBeUndefined()
  })

  it.each([
    { when: 'midway', late: 0 },
    { when: 'before it takes notice of a signal', late: 3 },
  ])('whose repository is verified leaves no lock when that is cancelled $when', async ({ when, late }) => {
    const restic = `'${resticBinary(version)}'`
    const begun = join(lab.dir, `verified ${when}`)
    const slowly = `case " $* " in *' check '*) out=$(readlink /proc/$$/fd/1); echo "$out" >'${begun}'; sleep ${late}; exec ${restic} --limit-download 10 "$@" ;; esac`
    lab.host.program('restic', `#!/bin/sh\n${slowly}\nexec ${restic} "$@"\n`)
    const run = lab.type('backup verify here cycle:1')
    await there(begun)
    const saying = () => readFileSync(readFileSync(begun, 'utf8').trim(), 'utf8')
    if (late === 0) await until(() => saying().includes('load indexes'), 'it reads')
    const began = Date.now()
    await lab.desk.interrupt()
    expect((await run).error).toBe('cancelled')
    expect(Date.now() - began).toBeLessThan(10_000)
    await until(() => !existsSync(readFileSync(begun, 'utf8').trim()), 'it has ended')
    expect(locksIn(lab.repository)).toEqual([])
    lab.slow(0)
  })
})
