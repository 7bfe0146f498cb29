import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { holdAlone } from './exclusive.ts'
import { openTestRuns, stateFile } from './runs.fixture.ts'

test('a held file is refused with the process that holds it, and free again after', () => {
  const file = stateFile()
  const release = holdAlone(file)

  expect(() => holdAlone(file)).toThrow(`Another homelab bot (process ${process.pid}) is using ${file}.`)

  release()
  expect(existsSync(`${file}.pid`)).toBe(false)
  holdAlone(file)()
})

test('the hold outlives a garbage collection', async () => {
  const file = stateFile()
  const runs = await openTestRuns(file, {})
  // Handles are collected under memory pressure; this makes some.
  for (let round = 0; round < 20; round += 1) {
    expect(Array.from({ length: 100_000 }, (_, index) => ({ index }))).toHaveLength(100_000)
  }
  globalThis.gc?.()

  expect(() => holdAlone(file)).toThrow('Another homelab bot')

  await runs.close()
  holdAlone(file)()
})
