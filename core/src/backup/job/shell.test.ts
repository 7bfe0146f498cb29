import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { tidying } from './postgres-script.ts'
import { jobText, sh } from './shell.ts'

const dir = mkdtempSync(join(tmpdir(), 'homelab-shell-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** @returns `0 done -`: code, stage and reason; of one that does not end, nothing */
function runJob(name: string, work: string): string {
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
  }
  writeFileSync(join(directory, 'job'), jobText(base, work))
  spawnSync('sh', [join(directory, 'job')], { stdio: 'ignore', timeout: 30_000, killSignal: 'SIGKILL' })
  return readFileSync(join(directory, 'rc'), 'utf8').trim()
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
