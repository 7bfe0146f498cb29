import { expect, test } from 'vitest'
import { heard, nothing, progressOf, type Said } from './events.ts'

const after = (...lines: object[]): Said => lines.map((line) => JSON.stringify(line)).reduce(heard, nothing)
const saving = { homelab: 'stage', stage: 'save' }
const status = {
  message_type: 'status',
  total_files: 1200,
  total_bytes: 4e9,
  files_done: 340,
  bytes_done: 1e9,
}

test('what is saved has bytes, files, speed and what is left', () => {
  const said = after(saving, { ...status, seconds_elapsed: 40, seconds_remaining: 120 })
  expect(progressOf(said, 'B2')).toEqual({
    text: 'saving (B2), 340 of 1200 files, 23.8 MiB a second, about 2 min left',
    done: 1e9,
    total: 4e9,
    unit: 'bytes',
  })
})

test('at its beginning, and of a version that says nothing of time, there is no speed', () => {
  for (const times of [{ seconds_elapsed: 1, seconds_remaining: 3 }, {}])
    expect(progressOf(after(saving, { ...status, ...times }), 'B2').text).toBe(
      'saving (B2), 340 of 1200 files',
    )
})

test('what was left is not said any more when restic does not', () => {
  const said = after(
    saving,
    { ...status, seconds_elapsed: 40, seconds_remaining: 120 },
    { ...status, bytes_done: 3.9e9, seconds_elapsed: 156 },
  )
  expect(progressOf(said, 'B2').text).toBe('saving (B2), 340 of 1200 files, 23.8 MiB a second')
})

test('of a stream nobody knows how long it is', () => {
  const said = after(
    { homelab: 'stage', stage: 'stream' },
    { ...status, total_bytes: 0, seconds_elapsed: 10 },
  )
  expect(progressOf(said, 'B2')).toEqual({
    text: 'dumping into the repository, reading it on the way (B2), 954 MiB so far, 95.4 MiB a second',
  })
})
