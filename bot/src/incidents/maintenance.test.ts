/** Maintenance holds back what it covers, has backups wait, and ends by itself with all of it told. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Schedule, Schedules } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { expect, test } from 'vitest'
import { alert, type Bench, file, harmeet, openBench, over } from './incidents.fixture.ts'
import { createMaintenances } from './maintenance.ts'

const MINUTE = 60_000
const plans = `repositories:
  local: { storage: local }
backups:
  media: { method: vzdump, guests: ['@media'], to: [local], schedule: weekly }
  plex: { method: vzdump, guests: [plex], to: [local], schedule: weekly }
  apps: { method: vzdump, guests: [immich], to: [local], schedule: weekly }
`
const plex = { what: ['plex'], vmids: [110], services: ['plex'], all: false }

/** Schedules of the plans above, as the scheduler keeps them. */
function schedulesAt(now: () => Date) {
  const all = new Map<string, Schedule>(
    ['backup/media', 'backup/plex', 'backup/apps'].map((id) => [
      id,
      { id, title: id, operation: 'backup.run', cron: 'weekly', timezone: 'UTC' },
    ]),
  )
  const find = (id: string): Schedule => {
    const found = all.get(id)
    if (found === undefined) throw new Error(`no schedule ${id}`)
    return found
  }
  const schedules: Pick<Schedules, 'list' | 'pause' | 'resume'> = {
    list: () => [...all.values()],
    async pause(id, { id: by, name }, until) {
      const ends = until === undefined ? {} : { until: until.toISOString() }
      all.set(id, { ...find(id), paused: { by: { id: by, name }, at: now().toISOString(), ...ends } })
      return find(id)
    },
    async resume(id) {
      const { paused: _, ...rest } = find(id)
      all.set(id, rest)
      return rest
    },
  }
  return { schedules, until: (id: string) => find(id).paused?.until }
}

function maintenanceOn(bench: Bench) {
  const kept = schedulesAt(bench.now)
  const titles: string[] = []
  const maintenances = createMaintenances({
    incidents: bench.incidents,
    schedules: () => kept.schedules,
    inventory: () => parseInventory(`${file}${plans}`),
    notify: (_id, card) => void titles.push(card.title),
    clock: { now: bench.now, monotonic: () => bench.now().getTime(), sleep: () => Promise.reject() },
    log: { warn: () => undefined, error: () => undefined },
  })
  const inMinutes = (minutes: number) => new Date(bench.now().getTime() + minutes * MINUTE)
  return { ...kept, maintenances, titles, inMinutes }
}

test('nobody is told, and all of it at its end, which comes by itself', async () => {
  await using bench = await openBench()
  const { maintenances, inMinutes } = maintenanceOn(bench)
  const { id } = await maintenances.start(plex, inMinutes(60), harmeet)
  await bench.told(alert())
  await bench.told(alert({ fingerprint: 's', name: 'Slow', title: 'plex is slow', severity: 'warning' }))
  await bench.told(over())
  expect(bench.shown).toEqual([])

  bench.pass(61 * MINUTE)
  await bench.tick()
  expect(maintenances.active()).toEqual([])
  const digest = bench.shown.find((each) => each.id === `maintenance-${id}-over`)
  expect(digest?.card.title).toBe('Maintenance of plex is over')
  expect(JSON.stringify(digest?.card.sections)).toContain('plex is down')
  expect(bench.titles()).toContain('plex is slow')
  expect(bench.titles()).not.toContain('plex is down')
})

test('it ends while the bot is away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'homelab-maintenance-'))
  {
    await using bench = await openBench('', { folder })
    const { maintenances, inMinutes } = maintenanceOn(bench)
    await maintenances.start(plex, inMinutes(60), harmeet)
    await bench.told(alert())
    expect(bench.shown).toEqual([])
  }
  {
    await using bench = await openBench('', { folder, at: '2026-03-02T14:00:00Z' })
    await bench.tick()
    expect(bench.titles()).toEqual(['Maintenance of plex is over', 'plex is down'])
    expect((await bench.incidents.get('plex'))?.held).toBeUndefined()
  }
  await rm(folder, { recursive: true, force: true })
})

test('what two of them cover is held until the last one ends', async () => {
  await using bench = await openBench()
  const { maintenances, inMinutes } = maintenanceOn(bench)
  const first = await maintenances.start(plex, inMinutes(60), harmeet)
  await bench.told(alert())
  await maintenances.start(plex, inMinutes(120), harmeet)
  await maintenances.stop(first.id, harmeet)
  expect(bench.titles()).not.toContain('plex is down')
  expect(await bench.incidents.get('plex')).toMatchObject({ held: 'maintenance', posts: 0 })
  bench.pass(121 * MINUTE)
  await bench.tick()
  expect(bench.titles()).toContain('plex is down')
})

test('backups of what it covers wait until then, and go on at once when it is ended before', async () => {
  await using bench = await openBench()
  const { maintenances, until, inMinutes } = maintenanceOn(bench)
  const end = inMinutes(60)
  const started = await maintenances.start(plex, end, harmeet)
  expect(started.schedules).toEqual(['backup/plex'])
  expect([until('backup/plex'), until('backup/apps')]).toEqual([end.toISOString(), undefined])
  // It saves jellyfin, too, which nobody works on.
  expect(until('backup/media')).toBeUndefined()
  await maintenances.stop(started.id, harmeet)
  expect(until('backup/plex')).toBeUndefined()
  const media = { what: ['@media'], vmids: [110, 111], services: ['plex', 'jellyfin'], all: false }
  expect((await maintenances.start(media, end, harmeet)).schedules).toEqual(['backup/media', 'backup/plex'])
})

test('a backup waits for all maintenances that cover it, whichever is ended first', async () => {
  await using bench = await openBench()
  const { maintenances, until, inMinutes } = maintenanceOn(bench)
  const [short, long] = [inMinutes(60), inMinutes(120)]
  const first = await maintenances.start(plex, short, harmeet)
  const second = await maintenances.start(plex, long, harmeet)
  expect(until('backup/plex')).toBe(long.toISOString())
  await maintenances.stop(second.id, harmeet)
  expect(until('backup/plex')).toBe(short.toISOString())
  await maintenances.stop(first.id, harmeet)
  expect(until('backup/plex')).toBeUndefined()
})

test('a backup that somebody paused stays paused', async () => {
  await using bench = await openBench()
  const { maintenances, schedules, until, inMinutes } = maintenanceOn(bench)
  const theirs = inMinutes(600)
  await schedules.pause('backup/plex', harmeet, theirs)
  const { id, schedules: held } = await maintenances.start(plex, inMinutes(60), harmeet)
  expect(held).toEqual([])
  await maintenances.stop(id, harmeet)
  expect(until('backup/plex')).toBe(theirs.toISOString())
})

test('what was told before it, and begins again during it, is told at its end', async () => {
  await using bench = await openBench()
  const { maintenances, titles, inMinutes } = maintenanceOn(bench)
  await bench.told(alert())
  await bench.incidents.acknowledge('plex', harmeet)
  const { id } = await maintenances.start(plex, inMinutes(60), harmeet)
  bench.pass(15 * MINUTE)
  await bench.told(alert({ startsAt: bench.now().toISOString() }))
  expect(await bench.incidents.get('plex')).toMatchObject({ posts: 1, held: 'maintenance' })
  await maintenances.stop(id, harmeet)
  expect(await bench.incidents.get('plex')).toMatchObject({ posts: 2 })
  expect(titles).toEqual(['Maintenance of plex is over'])
})
