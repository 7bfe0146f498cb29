import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Alert, opened } from '@homelab/core/alerts'
import { Kysely, sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { incidentsOn } from './incidents.ts'
import type { Tables } from './schema.ts'
import { sqliteFile } from './sqlite.ts'
import { openStore } from './store.ts'

const now = () => new Date('2026-11-26T06:00:00.000Z')

/** On a file that the store has made, with a hand on its database. */
async function openedStore() {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-incidents-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'store.db')
  await (await openStore(file, now)).close()
  const db = new Kysely<Tables>({ dialect: sqliteFile(file).dialect })
  onTestFinished(() => db.destroy())
  return { db, incidents: incidentsOn(db) }
}

const alert: Alert = {
  source: 'generic',
  fingerprint: 'f1',
  status: 'firing',
  name: 'PlexDown',
  severity: 'critical',
  title: 'plex is down',
  labels: {},
  startsAt: '2026-11-26T05:59:00.000Z',
}
const incident = (id: string, more: Partial<Alert> = {}) =>
  opened(id, `generic/${id}`, { ...alert, ...more }, {}, now())

test('one incident that does not fit any more keeps none of the others from being told', async () => {
  const { db, incidents } = await openedStore()
  await incidents.save({ incidents: [incident('aaaa', { link: 'prometheus:9090' }), incident('bbbb')] })
  const { again: _, history: __, ...older } = incident('cccc')
  const row = { id: 'cccc', open: 1, opened_at: older.openedAt, incident: JSON.stringify(older) }
  await db.replaceInto('incidents').values(row).execute()
  const { incidents: found, ids } = await incidents.load()
  expect(found.map(({ id }) => id).sort()).toEqual(['aaaa', 'bbbb', 'cccc'])
  expect([...ids].sort()).toEqual(['aaaa', 'bbbb', 'cccc'])
  expect(found.find(({ id }) => id === 'cccc')).toMatchObject({ again: 0, history: [] })
})

test('what is saved is saved, though older ones cannot be removed', async () => {
  const { db, incidents } = await openedStore()
  const past = JSON.stringify({ ...incident('past'), state: 'resolved' })
  await sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 5100)
    insert into incidents (id, open, opened_at, incident)
    select 'p' || i, 0, '2026-01-01T00:00:00.000Z', ${past} from n`.execute(db)
  await sql`create trigger stuck before delete on incidents
    begin select raise(abort, 'the disk is full'); end`.execute(db)
  const many = Array.from({ length: 250 }, (_, index) => incident(`n${index}`))
  await incidents.save({ incidents: many })
  expect((await incidents.load()).incidents.filter(({ state }) => state === 'firing')).toHaveLength(250)
  // The next one removes them.
  await sql`drop trigger stuck`.execute(db)
  await incidents.save({ incidents: [incident('last')] })
  expect((await incidents.load()).ids).toHaveLength(5_000 + 251)
})
