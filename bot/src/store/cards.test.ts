import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Posted } from '../chat/types.ts'
import { openStore } from './store.ts'

const card = (id: string, state: Posted['state']): Posted => ({
  id,
  place: { surface: 'discord', channel: '1' },
  caller: { id: 'discord:1', name: 'mary', role: 'operator', surface: 'chat' },
  command: 'restart plex',
  at: '2026-11-25T09:00:00.000Z',
  card: { title: id, tone: 'busy' },
  state,
})

test('a card that still goes on is found again, however many were shown after it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const store = await openStore(join(directory, 'desk.db'))
  onTestFinished(() => store.close())
  await store.cards.save(card('a long backup', 'working'))
  for (let number = 1; number <= 20; number += 1) await store.cards.save(card(`card ${number}`, 'done'))

  const found = await store.cards.load(3)

  expect(found.map(({ id }) => id)).toEqual(['a long backup', 'card 18', 'card 19', 'card 20'])
})

test('the newest 5,000 are kept, however often each was saved', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const store = await openStore(join(directory, 'desk.db'))
  onTestFinished(() => store.close())
  for (let number = 1; number <= 5_200; number += 1)
    for (const state of ['working', 'done'] as const) await store.cards.save(card(`card ${number}`, state))

  const found = await store.cards.load(10_000)

  expect(found.length).toBeGreaterThanOrEqual(5_000)
  expect(found.length).toBeLessThanOrEqual(5_100)
  expect(found.at(-1)?.id).toBe('card 5200')
})
