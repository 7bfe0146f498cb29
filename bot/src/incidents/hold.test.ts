/** Held back is not lost: quiet hours, maintenance and silences end, and what is still so is told then. */
import { expect, test } from 'vitest'
import { alert, type Bench, harmeet, openBench, over } from './incidents.fixture.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const quiet = `timezone: Europe/London\nalerts: { quiet: { from: '23:00', to: '07:00' } }\n`

const one = async (bench: Bench, wanted = 'plex') => {
  const incident = await bench.incidents.get(wanted)
  if (incident === undefined) throw new Error(`no incident ${wanted}`)
  return incident
}

test('what begins again in quiet hours is told when they end, though it had a message before', async () => {
  await using bench = await openBench(quiet, { at: '2026-03-02T22:40:00Z' })
  const slow = { name: 'Slow', severity: 'warning', title: 'plex is slow' } as const
  await bench.told(alert({ ...slow, startsAt: '2026-03-02T22:40:00.000Z' }))
  await bench.incidents.acknowledge('plex', harmeet)
  bench.pass(25 * MINUTE)
  await bench.told(alert({ ...slow, startsAt: '2026-03-02T23:05:00.000Z' }))
  expect(await one(bench)).toMatchObject({ state: 'firing', posts: 1, held: 'quiet' })

  bench.pass(8 * HOUR)
  await bench.tick()
  expect(await one(bench)).toMatchObject({ posts: 2 })
  expect((await one(bench)).held).toBeUndefined()
})

test('a silence that ends in quiet hours is told of when those end', async () => {
  await using bench = await openBench(quiet, { at: '2026-03-02T22:40:00Z' })
  await bench.told(alert({ name: 'Slow', severity: 'warning', startsAt: '2026-03-02T22:39:00.000Z' }))
  await bench.incidents.silence('plex', harmeet, new Date(bench.now().getTime() + HOUR))
  bench.pass(2 * HOUR)
  await bench.tick()
  expect(await one(bench)).toMatchObject({ posts: 1, held: 'quiet' })
  bench.pass(7 * HOUR)
  await bench.tick()
  expect(await one(bench)).toMatchObject({ posts: 2 })
})

test('nobody is called in quiet hours for what was told before them', async () => {
  await using bench = await openBench(
    `timezone: Europe/London\nalerts: { quiet: { from: '23:00', to: '07:00' }, routes: [{ escalate: { after: 30m } }] }\n`,
    { at: '2026-03-02T22:45:00Z' },
  )
  await bench.told(alert({ name: 'Slow', severity: 'warning', startsAt: '2026-03-02T22:44:00.000Z' }))
  bench.pass(HOUR)
  await bench.tick()
  expect(bench.titles()).toEqual(['plex is down'])
  bench.pass(8 * HOUR)
  await bench.tick()
  expect(bench.titles()).toContain('Nobody has it in hand: plex is down')
})

test('what becomes critical is told anew, where that is told, and the older message says so', async () => {
  await using bench = await openBench(
    `alerts: { routes: [{ severity: critical, to: media }, { severity: warning, to: ops }] }\n`,
  )
  await bench.told(alert({ severity: 'warning' }))
  await bench.told(alert({ severity: 'critical' }))
  const { id } = await one(bench)
  const cards = bench.cards()
  expect([...cards.keys()].sort()).toEqual([`incident-${id}-2@media`, `incident-${id}@ops`])
  expect(cards.get(`incident-${id}@ops`)).toMatchObject({
    state: 'done',
    card: { title: 'Earlier: plex is down', tone: 'neutral' },
  })
})

test('two that flap together, one graver than the other, are no new message each time', async () => {
  await using bench = await openBench()
  for (let time = 0; time < 3; time += 1) {
    const startsAt = bench.now().toISOString()
    const graver = alert({ startsAt, fingerprint: 'f2' })
    const both = [alert({ startsAt, severity: 'warning' }), graver]
    for (const each of both) await bench.told(each)
    bench.pass(MINUTE)
    await bench.told(...both.map((each) => over({ ...each, status: 'resolved', endsAt: startsAt })))
    bench.pass(MINUTE)
  }
  const [incident] = await bench.incidents.list({ open: false, limit: 10 })
  expect(incident).toMatchObject({ again: 2, posts: 2, severity: 'critical' })
})

test('what is told beneath its cause, and becomes graver, is not held back with that', async () => {
  await using bench = await openBench(quiet, { at: '2026-03-02T23:30:00Z' })
  const startsAt = '2026-03-02T23:30:00.000Z'
  const immich = alert({ fingerprint: 'i', startsAt, severity: 'warning', labels: { service: 'immich' } })
  await bench.told(
    alert({ fingerprint: 'p', startsAt, severity: 'warning', labels: { service: 'postgresql' } }),
    immich,
  )
  expect((await one(bench, 'immich')).parent).toBe((await one(bench, 'postgresql')).id)
  expect(bench.shown).toEqual([])
  await bench.told({ ...immich, severity: 'critical' })
  expect(await one(bench, 'postgresql')).toMatchObject({ severity: 'critical', posts: 1 })
})

test('who has the cause in hand has not what stays without it', async () => {
  await using bench = await openBench()
  const postgres = { fingerprint: 'p', title: 'postgresql is down', labels: { service: 'postgresql' } }
  const immich = { fingerprint: 'i', title: 'immich is down', labels: { service: 'immich' } }
  await bench.told(alert(postgres), alert(immich))
  await bench.incidents.acknowledge('postgresql', harmeet)
  await bench.incidents.silence('postgresql', harmeet)
  expect(await one(bench, 'immich')).toMatchObject({ state: 'acknowledged', posts: 0 })
  await bench.told(over(postgres))
  bench.pass(3 * MINUTE)
  await bench.tick()
  expect(await one(bench, 'immich')).toMatchObject({ state: 'firing', posts: 1 })
  expect(bench.titles().at(-1)).toBe('immich is down')
})

test('its end is heard of late: what stands on it has its time all the same', async () => {
  await using bench = await openBench()
  const postgres = { fingerprint: 'p', labels: { service: 'postgresql' } }
  await bench.told(alert(postgres), alert({ fingerprint: 'i', labels: { service: 'immich' } }))
  bench.pass(20 * MINUTE)
  await bench.told(over(postgres))
  await bench.tick()
  expect((await one(bench, 'immich')).parent).toBeDefined()
  bench.pass(3 * MINUTE)
  await bench.tick()
  expect(await one(bench, 'immich')).toMatchObject({ posts: 1 })
})

test('a silenced cause takes nothing new beneath it', async () => {
  await using bench = await openBench()
  await bench.told(alert({ fingerprint: 'p', labels: { service: 'postgresql' } }))
  await bench.incidents.silence('postgresql', harmeet)
  await bench.told(alert({ fingerprint: 'i', title: 'immich is down', labels: { service: 'immich' } }))
  expect(bench.titles().at(-1)).toBe('immich is down')
  expect((await one(bench, 'immich')).parent).toBeUndefined()
})

test('to say that a cause is over says nothing of what stands on it', async () => {
  await using bench = await openBench()
  await bench.told(
    alert({ fingerprint: 'p', labels: { service: 'postgresql' } }),
    alert({ fingerprint: 'i', title: 'immich is down', labels: { service: 'immich' } }),
  )
  await bench.incidents.resolve('postgresql', harmeet)
  expect(await one(bench, 'immich')).toMatchObject({ state: 'firing' })
  bench.pass(3 * MINUTE)
  await bench.tick()
  expect(bench.titles().at(-1)).toBe('immich is down')
})

test('what a cause takes beneath it brings along what was beneath that', async () => {
  await using bench = await openBench()
  await bench.told(
    alert({ fingerprint: 'p', labels: { service: 'postgresql' } }),
    alert({ fingerprint: 'i', title: 'immich is down', labels: { service: 'immich' } }),
    alert({ fingerprint: 'n', name: 'NodeDown', title: 'pve is offline', labels: { node: 'pve' } }),
  )
  const node = await one(bench, 'pve')
  expect((await one(bench, 'immich')).parent).toBe(node.id)
  expect(JSON.stringify(bench.cards().get(`incident-${node.id}@`)?.card)).toContain('immich is down')
})

test('a new flood is told, though somebody has an older one in hand', async () => {
  await using bench = await openBench()
  const many = (from: number) =>
    Array.from({ length: 12 }, (_, index) =>
      alert({
        fingerprint: `x${from + index}`,
        name: `Rule${from + index}`,
        startsAt: bench.now().toISOString(),
        labels: {},
      }),
    )
  await bench.told(...many(0))
  const floods = async () =>
    (await bench.incidents.list({ open: true, limit: 100 })).filter(({ key }) => key === 'homelab/flood')
  const [first] = await floods()
  await bench.incidents.acknowledge(first?.id ?? '', harmeet)
  bench.pass(HOUR)
  await bench.told(...many(100))
  expect(await floods()).toMatchObject([{ posts: 1, state: 'firing' }, { state: 'acknowledged' }])
})

test('a message that called for somebody does so no more when there is a newer one', async () => {
  await using bench = await openBench(`alerts: { routes: [{ escalate: { after: 15m } }] }\n`)
  await bench.told(alert())
  bench.pass(16 * MINUTE)
  await bench.tick()
  await bench.told(alert({ startsAt: '2026-03-02T12:15:00.000Z' }))
  const { id, posts } = await one(bench)
  expect(posts).toBe(2)
  expect(bench.cards().get(`escalation-${id}-1@`)?.card).toMatchObject({ tone: 'neutral' })
  bench.pass(16 * MINUTE)
  await bench.tick()
  await bench.told(over({ startsAt: '2026-03-02T12:15:00.000Z' }))
  expect([...bench.cards().values()].filter(({ card }) => card.tone === 'error')).toEqual([])
})
