import { expect, test } from 'vitest'
import { copiesLab } from '../../backup/copies.fixture.ts'
import { backupDrill } from './drill.ts'
import { planCopyDrill } from './drill-copy.ts'

const done = {
  plan: 'guests',
  title: 'Guests',
  repository: 'b2',
  snapshot: '1234567890',
  at: 0,
  ms: 1,
  cost: { bytes: 1 },
  recovery: true,
  tables: 0,
  rows: 0,
  same: 1,
  changed: 0,
  missingRoles: 0,
}
const web = { name: 'web', vmid: 110, passedOver: [], failing: [] }
const card = (more: object = {}, copy: object = {}) =>
  backupDrill.card({ ...done, ...more, copy: { ...web, ...copy } }, { plan: 'guests' })

test('a copy that is its archive is whole', () => {
  expect(card()).toMatchObject({ title: 'Guests: the copy of web is whole', tone: 'ok' })
  expect(JSON.stringify(card())).toContain('equal to the archive on the storage')
})

test.each([{ changed: 1 }, { changed: 0 }])(
  'one whose archive is gone comes back, and no more is said: %j',
  (more) => {
    const shown = card({ same: 0, ...more })
    expect(shown).toMatchObject({ title: 'Guests: the copy of web comes back', tone: 'neutral' })
    expect(JSON.stringify(shown)).toContain('with nothing: its archive is gone from the storage')
  },
)

test('those that were passed over are named with why, as a warning', () => {
  const shown = card({ same: 0 }, { passedOver: [{ name: 'mail', why: 'pve2 does not answer' }] })
  expect(shown).toMatchObject({ title: 'Guests: the copy of web comes back', tone: 'warning' })
  expect(shown.sections).toContainEqual({
    kind: 'list',
    title: 'Passed over',
    items: ['mail: pve2 does not answer'],
  })
})

test('others whose last drill failed make it an error, whatever this one has shown', () => {
  const shown = card({}, { failing: ['mail'], passedOver: [{ name: 'wiki', why: 'no' }] })
  expect(shown).toMatchObject({ title: 'Guests: the copy of web is whole; not those of mail', tone: 'error' })
  expect(shown.sections).toContainEqual({
    kind: 'list',
    title: 'The last drill of their copy failed',
    items: ['mail'],
  })
})

test('the plan says whose turn it is, who was passed over and why, and whose last drill failed', async () => {
  const { plan, repository, services, ...lab } = copiesLab()
  lab.copy(110)
  lab.copy(112)
  lab.drilled(110, 3)
  lab.failed(112, 1)
  const shown = await planCopyDrill({ plan, repository, services }, new AbortController().signal)
  expect(shown.summary).toBe('Try whether the copy of web (CT 110 on pve1) comes back from b2')
  expect(shown.steps[0]).toBe('web is taken, of 3 guests: it was tried last on 2026-11-23 12:00')
  expect(shown.warnings).toEqual([
    'b2 has no `recovery`: the keys of every day are used.',
    'mail is passed over. There is no proven copy of it.',
    'The last drill of the copy of wiki failed; this one is of another guest.',
  ])
  expect(shown.state).toMatchObject({ guest: 110 })
  lab.drilled(112, 0.1)
  lab.copy(111, 9)
  const later = await planCopyDrill({ plan, repository, services }, new AbortController().signal)
  expect(later.warnings?.slice(1)).toEqual([
    expect.stringMatching(/^mail is passed over\. Its newest proven copy is 9 d/),
  ])
})
