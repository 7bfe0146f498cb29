/** How a job is looked at, by the shell of this machine: what its programs complain of must not be taken for what it says. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Shell } from '@homelab/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lookAtJob } from '../../core/src/backup/job/control.ts'

const shell: Shell = {
  exec: ([program = '', ...args]) =>
    new Promise((resolve, reject) => {
      execFile(program, args, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error)
        else resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr, truncated: false })
      })
    }),
}

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'homelab-look-'))
  // It runs: it is this process.
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  writeFileSync(join(dir, 'pid'), `${process.pid} ${start} ${boot}\n`)
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test.each([
  [
    'as restic says its end',
    String.raw`{"message_type":"exit_error","message":"Fatal: no\nIs there one?\n/x"}`,
  ],
  ['with what ends the output of some shells', String.raw`a \c b`],
])('a complaint %s is one line, and moves nobody past a word of the job', async (_what, complaint) => {
  writeFileSync(join(dir, 'err'), `before\n${complaint}\n`)
  writeFileSync(join(dir, 'out.jsonl'), '{"a":1}\n')
  const first = await lookAtJob(shell, dir, 0)
  expect(first).toMatchObject({ job: { state: 'running', complaint }, lines: ['{"a":1}'] })
  writeFileSync(join(dir, 'out.jsonl'), '{"b":2}\n', { flag: 'a' })
  expect((await lookAtJob(shell, dir, first.next)).lines).toEqual(['{"b":2}'])
})

test('a job without a complaint has none', async () => {
  writeFileSync(join(dir, 'out.jsonl'), '')
  expect((await lookAtJob(shell, dir, 0)).job).toEqual({ state: 'running' })
})
