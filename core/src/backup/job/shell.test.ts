import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { tidying } from './postgres-script.ts'
import { jobText, sh } from './shell.ts'
import type { JobBase } from './types.ts'

const dir = mkdtempSync(join(tmpdir(), 'homelab-shell-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** @returns the file of a job that does that */
function written(name: string, work: string, changed: Partial<JobBase> = {}): string {
  const directory = join(dir, name)
  mkdirSync(directory)
  const base = {
    directory,
    environment: join(dir, 'none'),
    lock: join(dir, 'locks', name),
    plan: name,
    run: name,
    host: 'pve',
    restic: 'true',
    secrets: [],
    before: [],
    after: [],
    ...changed,
  }
  const file = join(directory, 'job')
  writeFileSync(file, jobText(base, work))
  return file
}

/** @returns `0 done -`: code, stage and reason; of one that does not end, nothing */
function runJob(name: string, work: string, changed: Partial<JobBase> = {}): string {
  const file = written(name, work, changed)
  spawnSync('sh', [file], { stdio: 'ignore', timeout: 30_000, killSignal: 'SIGKILL' })
  return readFileSync(join(dir, name, 'rc'), 'utf8').trim()
}

test('what says how far a job is ends with it, however soon that is', () => {
  const work = sh`
tidy() { untick; }
n=0
while [ "$n" -lt 100 ]; do
  tick 1 true
  untick
  n=$((n + 1))
done
tick 1 true
fail differs 67
`
  expect(runJob('ticking', [tidying, work].join('\n'))).toBe('67 before differs')
})

test('and with one that was killed', async () => {
  const work = sh`
tidy() { untick; }
tick 1 true
echo "$ticker" >ticker
run INT sleep 60
`
  const child = spawn('sh', [written('killed', [tidying, work].join('\n'))], {
    stdio: 'ignore',
    detached: true,
  })
  const ticker = join(dir, 'killed', 'ticker')
  await expect
    .poll(() => existsSync(ticker) && readFileSync(ticker, 'utf8'), { timeout: 10_000 })
    .toMatch(/\d\n/)
  const proc = `/proc/${readFileSync(ticker, 'utf8').trim()}`
  expect(existsSync(proc)).toBe(true)
  child.kill('SIGKILL')
  await expect.poll(() => existsSync(proc), { timeout: 10_000 }).toBe(false)
  process.kill(-(child.pid ?? 0), 'SIGKILL')
}, 30_000)

test('who has the lock of a plan is said to who comes second', async () => {
  const lock = join(dir, 'locks', 'one')
  const child = spawn('sh', [written('first', ': >there; run TERM sleep 60', { lock })], { stdio: 'ignore' })
  await expect.poll(() => existsSync(join(dir, 'first', 'there')), { timeout: 10_000 }).toBe(true)
  expect(runJob('second', 'exit 0', { lock })).toBe('75 begin busy')
  const said = readFileSync(join(dir, 'second', 'out.jsonl'), 'utf8')
  child.kill('SIGTERM')
  await once(child, 'exit')
  expect(said).toMatch(new RegExp(`^{"homelab":"holder","pid":${child.pid},"seconds":[0-9]+}$`, 'm'))
  expect(runJob('third', 'exit 0', { lock })).toMatch(/^0 /)
}, 30_000)

test('what restic reads ends, also when the disk has no room for its word that it has noticed', () => {
  const work = sh`
mkfifo in
cat <in >/dev/null &
beside=$!
exec 8>in
fail disk 77
`
  expect(runJob('full', work)).toBe('77 before disk')
}, 30_000)

test('a hook after a job is not deaf to signals', () => {
  const file = written('hooked', 'fail differs 67', { after: [['grep', 'SigIgn', '/proc/self/status']] })
  spawnSync('sh', [file], { stdio: 'ignore', timeout: 30_000 })
  const ignored = BigInt(
    `0x${/SigIgn:\s*([0-9a-f]+)/.exec(readFileSync(join(dir, 'hooked', 'hooks'), 'utf8'))?.[1]}`,
  )
  // Of the signals 1 and 15.
  expect(ignored & 0b100_0000_0000_0001n).toBe(0n)
})
