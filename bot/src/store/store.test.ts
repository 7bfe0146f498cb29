import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import type { AuditEntry } from '../chat/audit.ts'
import type { Posted } from '../chat/types.ts'
import { openStore } from './store.ts'

const now = () => new Date('2026-11-23T09:00:00.000Z')

function storeFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'store.db')
}

async function open(file = storeFile()) {
  const store = await openStore(file, now)
  onTestFinished(() => store.close())
  return store
}

const entry: AuditEntry = {
  caller: { id: 'discord:1', name: 'mary', surface: 'chat' },
  command: 'restart plex',
  operation: 'service.restart',
  decision: 'started',
  plan: 'Restart plex (CT 110 on pve)',
  run: '4f7k2m',
  result: 'ok',
}
const denied: AuditEntry = {
  caller: { id: 'slack:U1', name: 'mallory', surface: 'chat' },
  command: "restart '; DROP TABLE audit",
  operation: 'service.restart',
  decision: 'denied',
}
const card = (id: string, more: Partial<Posted> = {}): Posted => ({
  id,
  place: { surface: 'console', channel: 'main' },
  caller: { id: 'console:local', name: 'console', role: 'admin', surface: 'chat' },
  command: 'restart plex',
  at: '2026-11-23T09:00:00.000Z',
  card: { title: 'plex', tone: 'busy', progress: { text: 'stopping', done: 1, total: 3 } },
  state: 'working',
  ...more,
})

test('audit entries come back as they were written, the newest first, also after a restart', async () => {
  const file = storeFile()
  const first = await openStore(file, now)
  await first.audit.append(entry)
  await first.audit.append(denied)
  await first.close()

  const { audit } = await open(file)

  const at = '2026-11-23T09:00:00.000Z'
  const hash = expect.stringMatching(/^[0-9a-f]{64}$/)
  expect(await audit.list({ limit: 10 })).toEqual([
    { ...denied, at, seq: 2, hash },
    { ...entry, at, seq: 1, hash },
  ])
  expect(await audit.list({ limit: 1 })).toHaveLength(1)
})

test('the audit log cannot be rewritten, not even past the program', async () => {
  const file = storeFile()
  const store = await open(file)
  await store.audit.append(entry)
  const raw = new DatabaseSync(file)
  onTestFinished(() => raw.close())

  expect(() => raw.exec(`UPDATE audit SET decision = 'denied'`)).toThrow(
    'the audit log is only ever added to',
  )
  expect(() => raw.exec('DELETE FROM audit')).toThrow('the audit log is only ever added to')

  expect(await store.audit.list({ limit: 9 })).toMatchObject([entry])
})

test('history is loaded newest first, and of each caller the last 500 lines are kept', async () => {
  const file = storeFile()
  const { history } = await open(file)
  await history.add('other', 'status')
  for (let number = 1; number <= 599; number += 1) await history.add('me', `restart ${number}`)

  const { history: again } = await open(file)
  expect(await again.load(2)).toEqual([
    { caller: 'me', text: 'restart 599' },
    { caller: 'me', text: 'restart 598' },
  ])
  const all = await again.load(1_000)
  expect(all).toHaveLength(501)
  expect(all.at(-2)).toEqual({ caller: 'me', text: 'restart 100' })
  expect(all.at(-1)).toEqual({ caller: 'other', text: 'status' })
})

test('cards are found again after a restart, oldest first; one that changes keeps its place', async () => {
  const file = storeFile()
  const first = await openStore(file)
  for (const id of ['a', 'b', 'c']) await first.cards.save(card(id))
  const done = card('a', { run: 'r1', state: 'done', output: { upid: 'UPID:1' } })
  await first.cards.save(done)
  await first.close()

  const { cards } = await open(file)

  expect(await cards.load(9)).toEqual([done, card('b'), card('c')])
  expect(await cards.load(2)).toEqual([card('b'), card('c')])
})

test('5,000 cards are kept, and every older one that goes on', async () => {
  const { cards } = await open()
  const going = card('old and going on')
  await cards.save(going)
  for (let number = 1; number <= 5_099; number += 1)
    await cards.save(card(`card ${number}`, { state: 'done' }))

  const kept = await cards.load(10_000)

  expect(kept).toHaveLength(5_001)
  expect(kept[0]).toEqual(going)
  expect(kept[1]?.id).toBe('card 100')
  expect(await cards.load(1)).toEqual([going, card('card 5099', { state: 'done' })])
}, 60_000)

test('a file of a newer version, and one that is none, are refused by name', async () => {
  const file = storeFile()
  const raw = new DatabaseSync(file)
  raw.exec('PRAGMA user_version = 99')
  raw.close()

  await expect(openStore(file)).rejects.toThrow(
    /cannot be used: it was written by a newer homelab \(version 99/,
  )
  await expect(openStore(join(file, 'x'))).rejects.toMatchObject({ code: 'failed' })
})

test('a run ends once in the audit log, though the bot died between saying so there and on the card', async () => {
  const { audit } = await open()
  const ended: AuditEntry = { ...entry, decision: 'succeeded' }
  await audit.append(ended)
  await audit.append(ended)
  await audit.append({ ...ended, run: 'another' })
  await audit.append({ ...denied, decision: 'denied' })
  await audit.append({ ...denied, decision: 'denied' })
  expect((await audit.list({ limit: 9 })).map(({ decision, run }) => [decision, run])).toEqual([
    ['denied', undefined],
    ['denied', undefined],
    ['succeeded', 'another'],
    ['succeeded', entry.run],
  ])
  expect(await audit.verify()).toMatchObject({ entries: 4 })
})
