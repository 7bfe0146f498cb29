/** One problem, one message: what sources, people and the clock make of it, on the store that the bot has. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { alert, harmeet, openBench, over } from './incidents.fixture.ts'

const MINUTE = 60_000

test('what is told twice, and by two sources, is one incident with one message', async () => {
  await using bench = await openBench()
  await bench.told(alert())
  await bench.told(alert())
  await bench.told(
    alert({
      source: 'kuma',
      fingerprint: '7',
      name: 'Plex',
      vague: true,
      labels: { monitor: 'TV', kind: 'down' },
    }),
  )

  const [only, ...others] = await bench.incidents.list({ open: true, limit: 10 })
  expect(others).toEqual([])
  expect(only).toMatchObject({
    key: 'service/plex:down',
    about: { service: 'plex', vmid: 110, node: 'pve', stack: 'media' },
  })
  expect(only?.alerts.map(({ source }) => source)).toEqual(['alertmanager', 'kuma'])
  expect([...bench.cards().keys()]).toEqual([`incident-${only?.id}@`])

  bench.pass(6 * MINUTE)
  await bench.told(over())
  expect((await bench.incidents.get('plex'))?.state).toBe('firing')
  await bench.told(over({ source: 'kuma', fingerprint: '7', vague: true }))
  const [last] = bench.shown.slice(-1)
  expect(last).toMatchObject({ id: `incident-${only?.id}`, state: 'done', card: { tone: 'ok' } })
  expect(last?.card.title).toBe('Over: plex is down')
  expect(last?.card.text).toMatch(/^It lasted 6 min/)
  expect(last?.card.buttons).toBeUndefined()
})

test('what comes late, or out of order, changes nothing', async () => {
  await using bench = await openBench()
  await bench.told(over())
  expect(await bench.incidents.list({ open: false, limit: 10 })).toEqual([])
  await bench.told(alert(), over())
  await bench.told(alert())
  const [one, ...others] = await bench.incidents.list({ open: false, limit: 10 })
  expect(others).toEqual([])
  expect(one?.state).toBe('resolved')
})

test('an acknowledgement is ours, and ends when it begins again', async () => {
  await using bench = await openBench()
  await bench.told(alert())
  await bench.incidents.acknowledge('plex', harmeet)
  expect(bench.shown.at(-1)?.card).toMatchObject({ tone: 'busy' })
  expect(bench.shown.at(-1)?.card.text).toContain('harmeet has it in hand')
  expect(bench.shown.at(-1)?.card.buttons?.map(({ label }) => label)).not.toContain('Ack')

  // Alertmanager said nothing of its end, and fires it anew.
  bench.pass(2 * MINUTE)
  await bench.told(alert({ startsAt: '2026-03-02T12:01:00.000Z' }))
  const [incident] = await bench.incidents.list({ open: true, limit: 10 })
  expect(incident).toMatchObject({ state: 'firing', again: 1, posts: 2 })
  const cards = bench.cards()
  expect(cards.get(`incident-${incident?.id}@`)?.card.title).toBe('Earlier: plex is down')
  expect(cards.get(`incident-${incident?.id}-2@`)).toMatchObject({
    state: 'live',
    card: { title: 'plex is down' },
  })
})

test('a silence ends by itself, and what still fires is told with a new message', async () => {
  await using bench = await openBench()
  await bench.told(alert())
  const until = new Date(bench.now().getTime() + 60 * MINUTE)
  expect(await bench.incidents.wouldSilence('plex')).toBe(1)
  await bench.incidents.silence('plex', harmeet, until)
  const before = bench.shown.length
  bench.pass(59 * MINUTE)
  await bench.tick()
  expect(bench.shown).toHaveLength(before)

  bench.pass(2 * MINUTE)
  await bench.tick()
  const [incident] = await bench.incidents.list({ open: true, limit: 10 })
  expect(incident?.silence).toBeUndefined()
  expect(incident?.posts).toBe(2)
})

test('what is silenced until it is over is told again when it begins again', async () => {
  await using bench = await openBench()
  await bench.told(alert())
  await bench.incidents.silence('plex', harmeet)
  await bench.told(over())
  bench.pass(7 * MINUTE)
  await bench.told(alert({ startsAt: '2026-03-02T12:06:00.000Z' }))
  expect(await bench.incidents.get('plex')).toMatchObject({ state: 'firing', posts: 2 })
})

test('what flaps is one incident and one message in ten minutes', async () => {
  await using bench = await openBench()
  for (let minute = 0; minute < 8; minute += 2) {
    const startsAt = bench.now().toISOString()
    await bench.told(alert({ startsAt }))
    bench.pass(MINUTE)
    await bench.told(over({ startsAt, endsAt: bench.now().toISOString() }))
    bench.pass(MINUTE)
  }
  const all = await bench.incidents.list({ open: false, limit: 10 })
  expect(all).toHaveLength(1)
  expect(all[0]).toMatchObject({ again: 3, posts: 1, state: 'resolved' })
  expect(bench.shown.at(-1)?.card.text).toContain('began again 3 times')
})

test('the root cause is told, and what stands on it beneath it; what stays is told when that is over', async () => {
  await using bench = await openBench()
  await bench.told(alert({ fingerprint: 'i', title: 'immich is down', labels: { service: 'immich' } }))
  await bench.told(
    alert({ fingerprint: 'p', title: 'postgresql is down', labels: { service: 'postgresql' } }),
  )
  const cause = await bench.incidents.get('postgresql')
  const child = await bench.incidents.get('immich')
  expect(child?.parent).toBe(cause?.id)
  expect(bench.cards().get(`incident-${child?.id}@`)).toMatchObject({
    state: 'done',
    card: { tone: 'neutral' },
  })
  expect(JSON.stringify(bench.cards().get(`incident-${cause?.id}@`)?.card.sections)).toContain(
    'immich is down',
  )

  const node = await bench.told(
    alert({ fingerprint: 'n', name: 'NodeDown', title: 'pve is offline', labels: { node: 'pve' } }),
  )
  expect(node).toBeUndefined()
  expect((await bench.incidents.get('postgresql'))?.parent).toBe((await bench.incidents.get('pve'))?.id)

  // Whatever its labels say now: it is the alert that was told.
  await bench.told(over({ fingerprint: 'p', labels: {} }), over({ fingerprint: 'n', labels: {} }))
  bench.pass(3 * MINUTE)
  await bench.tick()
  expect(await bench.incidents.get('immich')).toMatchObject({ state: 'firing', posts: 2 })
  expect((await bench.incidents.get('immich'))?.parent).toBeUndefined()
})

test('a flood of ten thousand is one card with a number, and over when all of it is', async () => {
  await using bench = await openBench()
  const many = Array.from({ length: 10_000 }, (_, index) =>
    alert({
      fingerprint: `x${index}`,
      name: `Rule${index % 50}`,
      title: `rule ${index}`,
      severity: 'warning',
      labels: {},
    }),
  )
  await bench.told(...many)
  const open = await bench.incidents.list({ open: true, limit: 100 })
  // Fifty rules, and the flood.
  expect(open).toHaveLength(51)
  const flood = open.find(({ key }) => key === 'homelab/flood')
  expect(open.filter(({ parent }) => parent === flood?.id)).toHaveLength(40)
  expect(bench.cards().size).toBe(11)
  expect(bench.cards().get(`incident-${flood?.id}@`)?.card.title).toBe('40 problems at once (8000 alerts)')

  await bench.told(
    ...many.map((each) => ({ ...each, status: 'resolved' as const, endsAt: '2026-03-02T12:00:00.000Z' })),
  )
  await bench.tick()
  expect(await bench.incidents.list({ open: true, limit: 100 })).toEqual([])
  expect([...bench.cards().values()].every(({ card, state }) => card.tone === 'ok' && state === 'done')).toBe(
    true,
  )
})

test('in quiet hours only what is critical is told; the rest in one card when they end', async () => {
  await using bench = await openBench(
    `timezone: Europe/London\nalerts: { quiet: { from: '23:00', to: '07:00' } }\n`,
    {
      at: '2026-03-02T23:30:00Z',
    },
  )
  const startsAt = bench.now().toISOString()
  await bench.told(alert({ severity: 'warning', startsAt, name: 'Slow', title: 'plex is slow' }))
  await bench.told(
    alert({
      severity: 'warning',
      startsAt,
      fingerprint: 'j',
      name: 'Slow',
      title: 'jellyfin is slow',
      labels: { service: 'jellyfin' },
    }),
  )
  expect(bench.shown).toEqual([])
  await bench.told(
    alert({ startsAt, fingerprint: 'd', labels: { service: 'traefik' }, title: 'traefik is down' }),
  )
  expect(bench.titles()).toEqual(['traefik is down'])
  await bench.told(over({ severity: 'warning', startsAt, name: 'Slow', endsAt: startsAt }))

  bench.pass(8 * 60 * MINUTE)
  await bench.tick()
  const titles = bench.titles().slice(1)
  expect(titles).toContain('While it was quiet: 2')
  // What is still so has a card of its own.
  expect(titles).toContain('jellyfin is slow')
  expect(titles).not.toContain('plex is slow')
  await bench.tick()
  expect(bench.titles().slice(1)).toEqual(titles)
})

test('nobody answers: it is told once more, where the file says, with a ping', async () => {
  const rules = `alerts:
  routes:
    - { services: ['@media'], to: media, escalate: { after: 15m, to: ops, people: [harmeet] } }
`
  await using bench = await openBench(rules)
  await bench.told(alert())
  expect(bench.shown[0]?.options).toMatchObject({ to: 'media' })
  bench.pass(14 * MINUTE)
  await bench.tick()
  expect(bench.shown).toHaveLength(1)
  bench.pass(2 * MINUTE)
  await bench.tick()
  const [told] = bench.shown.filter(({ id }) => id.startsWith('escalation-'))
  expect(told).toMatchObject({
    options: { to: 'ops' },
    card: {
      title: 'Nobody has it in hand: plex is down',
      mention: ['discord:333333333333333333', 'slack:U0123ABCD'],
    },
  })
  bench.pass(60 * MINUTE)
  await bench.tick()
  expect(bench.shown.filter(({ id }) => id.startsWith('escalation-'))).toHaveLength(1)
  // It calls for nobody any more when there is somebody.
  await bench.incidents.acknowledge('plex', harmeet)
  expect(bench.shown.findLast(({ id }) => id.startsWith('escalation-'))).toMatchObject({
    options: { to: 'ops' },
    card: { title: 'In hand: plex is down', tone: 'neutral' },
  })
})

test('one that somebody has in hand is not escalated', async () => {
  await using bench = await openBench(`alerts: { routes: [{ escalate: { after: 15m } }] }\n`)
  await bench.told(alert())
  await bench.incidents.acknowledge('plex', harmeet)
  bench.pass(60 * MINUTE)
  await bench.tick()
  expect(bench.shown.some(({ id }) => id.startsWith('escalation-'))).toBe(false)
})

test('what is dropped is told nobody, and is in the list', async () => {
  await using bench = await openBench(`alerts: { routes: [{ severity: info, drop: true }] }\n`)
  await bench.told(alert({ severity: 'info' }))
  expect(bench.shown).toEqual([])
  expect(await bench.incidents.list({ open: true, limit: 10 })).toHaveLength(1)
})

test('a restart finds all of it, and shows nothing twice that was shown', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'homelab-incidents-'))
  let id = ''
  {
    await using bench = await openBench('', { folder })
    await bench.told(alert())
    await bench.incidents.acknowledge('plex', harmeet)
    id = (await bench.incidents.get('plex'))?.id ?? ''
    // It was answered with a yes, and the bot died before it was worked in.
    await bench.incidents.stop()
    await bench.store.inbox.add([over()])
  }
  {
    await using bench = await openBench('', { folder })
    bench.incidents.start()
    await bench.incidents.settled()
    expect(await bench.incidents.get(id)).toMatchObject({
      state: 'resolved',
      ack: { by: { name: 'harmeet' } },
    })
    expect(bench.shown.map(({ id: card, state }) => [card, state])).toEqual([
      [`incident-${id}`, 'live'],
      [`incident-${id}`, 'done'],
    ])
  }
  await rm(folder, { recursive: true, force: true })
})

test('what says nothing of its end is over when somebody has acknowledged it', async () => {
  await using bench = await openBench()
  bench.incidents.report({
    key: 'task/1',
    state: 'firing',
    severity: 'warning',
    kind: 'task',
    title: 'Backup of plex failed',
    about: { service: 'plex', vmid: 110 },
    once: true,
    card: {
      title: 'Backup of plex failed',
      tone: 'error',
      text: 'No space.',
      buttons: [{ label: 'Its log', action: { kind: 'command', text: 'task log x' } }],
    },
  })
  await bench.incidents.settled()
  const [told] = bench.shown
  expect(told?.card).toMatchObject({ title: 'Backup of plex failed', text: 'No space.' })
  expect(told?.card.buttons?.map(({ label }) => label)).toEqual(
    expect.arrayContaining(['Ack', 'Its log', 'Silence 1 h']),
  )
  expect(await bench.incidents.acknowledge('plex', harmeet)).toMatchObject({ state: 'resolved' })
})
