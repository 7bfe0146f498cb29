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

test('of guests it says how many came up, the last and the oldest, and what is not known', () => {
  const on = (name: string, day: string) => ({ name, at: `2026-11-${day}T02:00:00.000Z` })
  const shown = (more: object) => {
    const guests = { of: 12, proven: [], started: [], failed: [], untried: [], ...more }
    return JSON.stringify(backupStatus.card({ plans: [{ ...row, guests }] }, { fresh: false }))
  }
  const proven = [on('plex', '05'), on('mail', '12'), on('web', '26')]
  expect(shown({ proven })).toContain(
    'Photos in B2: 3 of 12 guests came up, last web 2026-11-26, oldest plex 2026-11-05',
  )
  expect(shown({ proven: [on('web', '26')], failed: [on('mail', '19')] })).toContain(
    '1 of 12 guests came up, last web 2026-11-26; the last drill failed of mail 2026-11-19',
  )
  const started = shown({ started: [on('ha', '26')] })
  expect(started).toContain('a copy starts of ha 2026-11-26; whether its system comes up is not known')
  expect(started).toContain('"not known"')
  expect(shown({})).not.toContain('came up')
  expect(shown({ proven, untried: ['ha', 'dns'] })).toContain('; no drill came to an end yet of ha, dns')
})

test('a guest whose last drill failed is not covered up by fresh archives', () => {
  const guests = {
    of: 2,
    proven: [],
    started: [],
    failed: [{ name: 'mail', at: '2026-11-19T02:00:00.000Z' }],
    untried: ['web'],
  }
  const card = backupStatus.card({ plans: [{ ...row, guests }] }, { fresh: false })
  expect(card).toMatchObject({
    title: 'All backups are fresh; the last drill of mail failed',
    tone: 'warning',
  })
  expect(JSON.stringify(card)).toContain('{"text":"drill failed","tone":"warning"}')
})
