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
