import { expect, test } from 'vitest'
import { backupStatus } from './status.ts'

const row = {
  plan: 'photos',
  title: 'Photos',
  repository: 'B2',
  state: 'fresh' as const,
  ageMs: 3_600_000,
  freshMs: 93_600_000,
  count: 9,
  bytes: 3 * 1024 ** 3,
  pending: 0,
  shrunk: [],
}
const table = (plans: readonly (typeof row & { readonly weekAgo?: number })[]) =>
  backupStatus
    .card({ plans: [...plans] }, { fresh: false })
    .sections?.find((section) => section.kind === 'table')

test('what was there a week ago says how it grows', () => {
  const shown = table([
    { ...row, weekAgo: 2 * 1024 ** 3 },
    { ...row, weekAgo: 4 * 1024 ** 3 },
    { ...row, weekAgo: row.bytes },
    row,
  ])
  expect(shown?.columns[4]?.name).toBe('In a week')
  expect(shown?.rows.map((cells) => cells[4])).toEqual(['+1.0 GiB', '−1.0 GiB', 'the same', '–'])
})

test('a repository that is younger has no such column', () => {
  expect(table([row])?.columns.map(({ name }) => name)).not.toContain('In a week')
})
