/** What is kept and what is in memory are the same, also when the store fails after it has kept it. */
import { opened } from '@homelab/core/alerts'
import { expect, test } from 'vitest'
import { type IncidentStore, openBook } from './book.ts'
import { alert } from './incidents.fixture.ts'

const now = new Date('2026-03-02T12:00:00Z')

/** Letters of ids, in order; one that is taken is followed by a longer one. */
const letters = (...ids: readonly string[]) => {
  const all = ids.join('')
  let index = 0
  return () => 'abcdefghjkmnpqrstuvwxyz23456789'.indexOf(all[index++] ?? 'z') / 31 + 0.001
}

const storeWith = (ids: readonly string[]): IncidentStore => ({
  load: async () => ({ incidents: [], maintenances: [], ids }),
  save: async () => undefined,
  get: async () => undefined,
  newest: async () => [],
})

test('an id that one of the past has is given to no other, though that is not in memory any more', async () => {
  const book = await openBook(storeWith(['aaaa']), () => undefined, letters('aaaa', 'bbbbb', 'bbbb'))
  const ids = await book.change((draft) => [draft.newId(), draft.newId()])
  expect(ids).toEqual(['bbbbb', 'bbbb'])
})

test('a line in the history of one that is over does not make it the newest of its kind', async () => {
  const book = await openBook(storeWith([]), () => undefined)
  const past = { ...opened('past', 'service/plex:down', alert(), {}, now), state: 'resolved' as const }
  const open = opened('open', 'service/plex:down', alert({ fingerprint: 'f2' }), {}, now)
  await book.change((draft) => {
    draft.put(past)
    draft.put(open)
  })
  await book.change((draft) => draft.put({ ...past, title: 'noted' }))
  expect(await book.change((draft) => draft.byKey('service/plex:down')?.id)).toBe('open')
})
