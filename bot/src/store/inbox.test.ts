import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Alert } from '@homelab/core/alerts'
import { Kysely } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { inboxOn, removeReceived } from './inbox.ts'
import type { Tables } from './schema.ts'
import { sqliteFile } from './sqlite.ts'
import { openStore } from './store.ts'

const now = () => new Date('2026-11-26T06:00:00.000Z')

function storeFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-inbox-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'store.db')
}

/** On a file that the store has made, with a hand on its database. */
async function opened(file = storeFile()) {
  await (await openStore(file, now)).close()
  const db = new Kysely<Tables>({ dialect: sqliteFile(file).dialect })
  onTestFinished(() => db.destroy())
  return { file, db, inbox: inboxOn(db, now) }
}

const alert = (fingerprint: string): Alert => ({
  source: 'generic',
  fingerprint,
  status: 'firing',
  name: 'x',
  severity: 'info',
  title: 'x',
  labels: {},
  startsAt: now().toISOString(),
})

test('what was added comes back in order, a limit at a time, also after a restart', async () => {
  const { file, inbox } = await opened()
  await Promise.all([inbox.add([alert('a'), alert('b')]), inbox.add([alert('c')])])
  await inbox.add([alert('d')])

  const store = await openStore(file, now)
  onTestFinished(() => store.close())

  expect(await store.inbox.next(2)).toEqual([
    { seq: 1, at: now().toISOString(), alerts: [alert('a'), alert('b')] },
    { seq: 2, at: now().toISOString(), alerts: [alert('c')] },
  ])
  expect((await store.inbox.next(10)).map(({ seq }) => seq)).toEqual([1, 2, 3])
})

test('what comes in the same moment is one commit, and its end is told once', async () => {
  const { inbox } = await opened()
  let commits = 0
  const stop = inbox.onAdded(() => {
    commits += 1
  })
  await Promise.all(Array.from({ length: 200 }, (_, index) => inbox.add([alert(String(index))])))
  expect(commits).toBe(1)
  expect(await inbox.next(1_000)).toHaveLength(200)
  stop()
  await inbox.add([alert('more')])
  expect(commits).toBe(1)
})

test('it is kept when its promise resolves: another connection sees it then', async () => {
  const { file, inbox } = await opened()
  const other = new DatabaseSync(file, { readOnly: true })
  onTestFinished(() => other.close())
  const count = other.prepare('SELECT count(*) AS rows FROM inbox')
  for (let sent = 1; sent <= 20; sent += 1) {
    await inbox.add([alert(String(sent))])
    expect(count.get()).toEqual({ rows: sent })
  }
})

test('what is worked in goes with what came of it, or stays with it', async () => {
  const { db, inbox } = await opened()
  for (const name of ['a', 'b', 'c']) await inbox.add([alert(name)])
  const work = (fails: boolean) =>
    db.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('incidents')
        .values({ id: 'k7f3', open: 1, opened_at: now().toISOString(), incident: '{}' })
        .execute()
      await removeReceived(transaction, 2)
      if (fails) throw new Error('no')
    })
  await expect(work(true)).rejects.toThrow('no')
  expect((await inbox.next(10)).map(({ seq }) => seq)).toEqual([1, 2, 3])
  await work(false)
  expect((await inbox.next(10)).map(({ seq }) => seq)).toEqual([3])
  expect(await db.selectFrom('incidents').select('id').execute()).toEqual([{ id: 'k7f3' }])
})

test('a file that is locked for a moment is waited for', async () => {
  const { file, inbox } = await opened()
  const other = new DatabaseSync(file)
  onTestFinished(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  const added = inbox.add([alert('a')])
  setTimeout(() => other.exec('COMMIT'), 300)
  await added
  expect(await inbox.next(10)).toHaveLength(1)
})

test('a closed file refuses, each of them', async () => {
  const { db, inbox } = await opened()
  await inbox.add([alert('before')])
  await db.destroy()
  const results = await Promise.allSettled([inbox.add([alert('a')]), inbox.add([alert('b')])])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await expect(inbox.add([alert('c')])).rejects.toThrow()
})
