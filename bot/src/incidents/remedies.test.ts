/** What is done without asking: within its budget, never twice, and not where somebody is at work. */
import type { Json, RunView } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { expect, test } from 'vitest'
import { alert, type Bench, file, harmeet, openBench, over } from './incidents.fixture.ts'
import { createRemedies } from './remedies.ts'

const MINUTE = 60_000
const rules = `alerts: { remedies: [{ services: ['@media'], run: restart, after: 2m, at_most: 2 }] }\n`

/** Runs as they begin; each key once, as the bot has it. */
function remediesOn(bench: Bench, facts = new Map<string, Json>(), settings = rules) {
  const begun: { readonly key: string; readonly service: string }[] = []
  const cards: { readonly id: string; readonly title: string }[] = []
  const occupied = new Set<number>()
  const state = { unknown: false }
  const remedies = createRemedies({
    incidents: bench.incidents,
    inventory: () => parseInventory(`${file}${settings}`),
    begin: async ({ run, service, key }) => {
      begun.push({ key, service })
      return {
        id: key,
        operation: `service.${run}`,
        title: `Restart ${service}`,
        input: { services: [service] },
        caller: { id: key.replace('remedy-', 'remedy:'), name: 'homelab' },
        state: 'running',
        createdAt: bench.now().toISOString(),
      } satisfies RunView
    },
    occupied: async () => {
      if (state.unknown) throw new Error('the lab does not answer')
      return occupied
    },
    facts: { get: (name) => facts.get(name), set: async (name, value) => void facts.set(name, value) },
    notify: (id, card) => void cards.push({ id, title: card.title }),
    clock: { now: bench.now, monotonic: () => bench.now().getTime(), sleep: () => Promise.reject() },
    log: { warn: () => undefined, error: () => undefined },
  })
  return { remedies, begun, cards, facts, occupied, state }
}

const startMaintenance = (bench: Bench) =>
  bench.incidents.change((draft, now) => {
    const until = new Date(now.getTime() + 60 * MINUTE).toISOString()
    const by = { id: harmeet.id, name: harmeet.name }
    const cover = { what: ['plex'], vmids: [110], services: ['plex'], all: false }
    const kept = { schedules: [], incidents: [] }
    draft.putMaintenance({ id: 'm1', ...cover, by, from: now.toISOString(), until, ...kept }, true)
  })

test('it waits until it has been so for long enough, and is done once', async () => {
  await using bench = await openBench(rules)
  const { remedies, begun } = remediesOn(bench)
  await bench.told(alert())
  await remedies.look()
  expect(begun).toEqual([])
  bench.pass(2 * MINUTE)
  await remedies.look()
  await remedies.look()
  const { id, history } = (await bench.incidents.get('plex')) ?? { id: '', history: [] }
  expect(begun).toEqual([{ key: `remedy-${id}-1`, service: 'plex' }])
  expect(history.at(-1)?.text).toBe('restart of plex without asking (1 of 2 today)')
})

test('its budget is that of the service, over incidents and restarts; then a person is told once', async () => {
  await using bench = await openBench(rules)
  const { facts, begun: first, remedies } = remediesOn(bench)
  await bench.told(alert())
  bench.pass(2 * MINUTE)
  await remedies.look()
  const { remedies: again, begun, cards } = remediesOn(bench, facts)
  bench.pass(11 * MINUTE)
  await again.look()
  await bench.told(over({ endsAt: bench.now().toISOString() }))
  bench.pass(30 * MINUTE)
  await bench.told(alert({ startsAt: bench.now().toISOString() }))
  bench.pass(3 * MINUTE)
  await again.look()
  await again.look()
  expect([first.length, begun.length]).toEqual([1, 1])
  expect(cards.filter(({ title }) => title.endsWith('a person must look'))).toHaveLength(1)

  bench.pass(24 * 60 * MINUTE)
  await again.look()
  expect(begun).toHaveLength(2)
})

test('not during maintenance, though it was told before that', async () => {
  await using bench = await openBench(rules)
  const { remedies, begun } = remediesOn(bench)
  await bench.told(alert())
  await startMaintenance(bench)
  bench.pass(5 * MINUTE)
  await remedies.look()
  expect(begun).toEqual([])
  bench.pass(60 * MINUTE)
  await bench.tick()
  await remedies.look()
  expect(begun).toHaveLength(1)
})

test('not where somebody stopped it or something is done with it, nor when that cannot be told', async () => {
  await using bench = await openBench(rules)
  const { remedies, begun, occupied, state, facts } = remediesOn(bench)
  await bench.told(alert())
  bench.pass(5 * MINUTE)
  occupied.add(110)
  await remedies.look()
  state.unknown = true
  await remedies.look()
  expect(begun).toEqual([])
  expect(facts.size).toBe(0)
  state.unknown = false
  occupied.clear()
  await remedies.look()
  expect(begun).toHaveLength(1)
})

test('how one ended while the bot was away is told', async () => {
  await using bench = await openBench(rules)
  const { remedies, begun, facts } = remediesOn(bench)
  await bench.told(alert())
  bench.pass(2 * MINUTE)
  await remedies.look()
  const { remedies: again, cards } = remediesOn(bench, facts)
  const [first] = begun
  const at = bench.now().toISOString()
  await again.resume(async (key) =>
    key === first?.key
      ? {
          id: 'r1',
          operation: 'service.restart',
          title: 'Restart plex',
          input: { services: ['plex'] },
          caller: { id: key.replace('remedy-', 'remedy:'), name: 'homelab' },
          state: 'succeeded',
          createdAt: at,
          finishedAt: at,
        }
      : undefined,
  )
  expect(cards).toEqual([{ id: first?.key, title: 'Restart plex: done, without asking' }])
})

test('two problems of one service are one reason, not two', async () => {
  const byName = `alerts: { remedies: [{ services: ['@media'] }, { alert: Slow, services: ['@media'] }] }\n`
  await using bench = await openBench(byName)
  const { remedies, begun } = remediesOn(bench, undefined, byName)
  await bench.told(alert(), alert({ fingerprint: 's', name: 'Slow', title: 'plex is slow' }))
  bench.pass(3 * MINUTE)
  await remedies.look()
  expect(begun).toHaveLength(1)
})

test('not for what somebody has in hand, or silenced', async () => {
  await using bench = await openBench(rules)
  const { remedies, begun } = remediesOn(bench)
  await bench.told(
    alert(),
    alert({ fingerprint: 'j', title: 'jellyfin is down', labels: { service: 'jellyfin' } }),
  )
  await bench.incidents.acknowledge('plex', harmeet)
  await bench.incidents.silence('jellyfin', harmeet)
  bench.pass(5 * MINUTE)
  await remedies.look()
  expect(begun).toEqual([])
})
