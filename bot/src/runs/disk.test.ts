import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { type Body, gate, openTestRuns, request, stateFile } from './runs.fixture.ts'

/** A file system of 2 MB, where this process may mount one. */
function smallDisk(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-disk-'))
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory])
  if (mount.status !== 0) {
    rmSync(directory, { recursive: true })
    return undefined
  }
  onTestFinished(() => {
    spawnSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

/** Fills what is left, to the last block. */
function fill(file: string): void {
  for (const size of [65_536, 4_096, 512]) {
    try {
      for (let block = 0; block < 100; block += 1) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}

test('a full disk: a new run is refused with the way out, one at work is held and goes on by itself', async (context) => {
  const directory = smallDisk()
  if (directory === undefined) {
    console.warn('SKIPPED: no right to mount a small file system')
    return context.skip()
  }
  const ballast = join(directory, 'ballast')
  const file = join(directory, 'runs.db')
  const warnings: string[] = []
  const acted: string[] = []
  const looked = gate()
  const body: Body = async ({ step, change }) => {
    await step('look', () => looked.opened.then(() => 'x'.repeat(100_000)))
    return await change('reboot', {
      act: async () => {
        acted.push('reboot')
        return 'UPID-1'
      },
      find: async () => undefined,
    })
  }
  const log = { warn: (_facts: object, text: string) => void warnings.push(text), error: () => {} }
  const runs = await openTestRuns(file, { work: body }, { log })
  const { run } = await runs.start(request('work'))
  fill(ballast)

  looked.open()

  await expect.poll(() => warnings).toEqual(['runs are held: their state cannot be saved'])
  const refused = runs.start(request('work', { input: 'y'.repeat(100_000) }))
  await expect(refused).rejects.toMatchObject({
    code: 'failed',
    message: `There is no space left to save the state of runs in ${file}.`,
    hint: `Free space on ${directory}. Runs that are at work are held and go on by themselves then.`,
  })
  expect(await runs.get(run.id)).toMatchObject({ state: 'running' })
  expect(acted).toEqual([])

  unlinkSync(ballast)

  expect(await runs.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'UPID-1' })
  expect(acted).toEqual(['reboot'])
})

test('a state file that another program has locked for a moment holds runs and fails none', async () => {
  const file = stateFile()
  const door = gate()
  const warnings: string[] = []
  const log = { warn: (_facts: object, text: string) => void warnings.push(text), error: () => {} }
  const body: Body = ({ step }) => step('look', () => door.opened.then(() => 'seen'))
  const runs = await openTestRuns(file, { work: body }, { log })
  const { run } = await runs.start(request('work'))
  const other = new DatabaseSync(file)
  onTestFinished(() => other.close())
  other.exec('BEGIN IMMEDIATE')

  door.open()
  await expect.poll(() => warnings).toEqual(['runs are held: their state cannot be saved'])
  await expect(runs.start(request('work'))).rejects.toThrow(`Another program has locked ${file}.`)

  expect(await runs.get(run.id)).toMatchObject({ state: 'running' })
  other.exec('ROLLBACK')
  expect(await runs.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'seen' })
})

test('a file that is no state file is refused by name, and stays as it is', async () => {
  const file = stateFile()
  writeFileSync(file, 'not a database, but long enough to be taken for one'.repeat(100))
  const { size } = statSync(file)

  const opened = openTestRuns(file, {})

  await expect(opened).rejects.toMatchObject({ code: 'failed' })
  await expect(opened).rejects.toThrow(`The state file ${file} cannot be used: file is not a database.`)
  expect(statSync(file).size).toBe(size)
})
