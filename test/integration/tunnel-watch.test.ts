/** What the bot itself sees of the exposures: what ends by itself, and what is not as it was meant. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Card, createRegistry, HomelabError, type Json } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { createRights } from '@homelab/core/rights'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { connectLab } from '../../bot/src/lab/connect.ts'
import { servicesOf } from '../../bot/src/lab/services.ts'
import { openRuns } from '../../bot/src/runs/index.ts'
import { createScheduler } from '../../bot/src/schedule/index.ts'
import { openStore } from '../../bot/src/store/index.ts'
import { createExposureWatch } from '../../bot/src/watch/index.ts'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'
import { host, nothing, open, output, placesOf } from './tunnel.fixture.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
})

async function watching() {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-exposures-'))
  const source = await sourceOf(simulator)
  const lab = await connectLab(source.inventory, source.secrets)
  const registry = createRegistry(operations)
  const rights = createRights({ inventory: source.inventory })
  const services = servicesOf({
    lab,
    registry,
    rights,
    about: { version: 'test', mode: 'bot', lab: 'test' },
  })
  let ahead = 0
  const clock = { ...systemClock, now: () => new Date(Date.now() + ahead) }
  const runs = await openRuns({
    file: join(folder, 'runs.db'),
    clock: systemClock,
    execute: async ({ operation, input, caller }, verbs) => {
      const found = registry.byId(operation)
      if (found === undefined) throw new HomelabError('bug', operation)
      return found.output.parse(await found.run(input, services(caller), verbs)) as Json
    },
  })
  const store = await openStore(join(folder, 'desk.db'))
  const told: { readonly card: Card; readonly state: string }[] = []
  const said: object[] = []
  const watch = createExposureWatch({
    registry,
    services: () => services({ id: 'cli:local', name: 'terminal', role: 'admin', surface: 'cli' }),
    runs,
    facts: store.facts,
    clock,
    tell: (_id, card, state) => void told.push({ card, state }),
    log: { warn: (facts) => void said.push(facts), error: (facts) => void said.push(facts) },
    firstMs: 3_600_000,
    everyMs: 3_600_000,
  })
  const scheduler = createScheduler({
    jobs: watch.expiries,
    registry,
    runs,
    facts: store.facts,
    audit: store.audit,
    services,
    rights,
    approval: () => undefined,
    mustConfirm: () => [],
    notify: () => {},
    tell: () => {},
    clock,
    log: { warn: (facts) => void said.push(facts), error: (facts) => void said.push(facts) },
  })
  scheduler.start()
  onTestFinished(async () => {
    await scheduler.stop()
    await watch.stop()
    await store.close()
    await runs.close()
    await lab[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    watch,
    told,
    said,
    /** What the schedule knows becomes due meanwhile; resolves when what it began is over. */
    async pass(ms: number) {
      await scheduler.look()
      ahead += ms
      await scheduler.look()
      for (const { id } of await runs.active()) await runs.finished(id)
    },
  }
}

const HOUR = 3_600_000

it('knows of what somebody else exposed for a while, and its job takes it back', async () => {
  await using type = await open(simulator)
  const { until } = output<{ until: string }>(
    await type('tunnel expose grafana hostname:graphs public:false for:2h'),
  )
  const { watch, said } = await watching()
  await watch.look()
  expect(said).toEqual([])
  const end = new Date(until)
  const [job, ...others] = watch.expiries()
  expect(others).toEqual([])
  expect(job).toMatchObject({
    id: `expire/${host('graphs')}`,
    cron: `${end.getUTCMinutes()} ${end.getUTCHours()} ${end.getUTCDate()} ${end.getUTCMonth() + 1} *`,
    timezone: 'UTC',
  })
  expect(job?.command.operation).toBe('tunnel.unexpose')
  output(await type(`tunnel unexpose ${String(job?.command.input.name)}`))
  expect(await placesOf(simulator, host('graphs'))).toEqual(nothing)
  await watch.look()
  expect(watch.expiries()).toEqual([])
})

it('the scheduler itself takes it back when its time is over, also when another writer has lost its rule', async () => {
  await using type = await open(simulator)
  output(await type('tunnel expose grafana hostname:graphs public:false for:2h'))
  await cloudflarePeer(simulator).writer({ before: 'GET', nth: 1, remove: host('graphs') })
  const { watch, said, pass } = await watching()
  await watch.look()
  expect(await placesOf(simulator, host('graphs'))).toMatchObject({
    rule: undefined,
    comment: expect.stringContaining(' until '),
  })
  expect(watch.expiries()).toHaveLength(1)
  await pass(HOUR)
  expect(watch.expiries()).toHaveLength(1)
  await pass(HOUR + 120_000)
  expect(await placesOf(simulator, host('graphs'))).toEqual(nothing)
  await watch.look()
  expect(watch.expiries()).toEqual([])
  expect(said).toEqual([])
})

it('takes back what is marked in a zone that neither the file nor a rule speaks of', async () => {
  const peer = cloudflarePeer(simulator)
  const zone = 'another.example'
  const hostname = `graphs.${zone}`
  await peer.post('zones', { name: zone })
  await peer.post('records', {
    zone,
    name: hostname,
    content: `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`,
    comment: 'homelab: grafana until 2026-01-01T00:00Z',
  })
  const { watch, said, pass } = await watching()
  await watch.look()
  expect(watch.expiries()).toMatchObject([{ id: `expire/${hostname}` }])
  await pass(180_000)
  expect(await placesOf(simulator, hostname)).toEqual(nothing)
  expect(said).toEqual([])
})

it('tells when a record of ours leads nowhere, with the button that mends it, and when it is mended', async () => {
  await using type = await open(simulator)
  output(await type('tunnel expose jellyfin hostname:films public:true'))
  const { watch, told, said } = await watching()
  await watch.look()
  await watch.look()
  // The seven of the lab were there before, and may have notes of their own.
  const before = told.length
  const state = await cloudflarePeer(simulator).state()
  const zone = state.zones.find(({ records }) => records.some(({ name }) => name === host('films')))
  const record = zone?.records.find(({ name }) => name === host('films'))
  const api = simulator.lab.cloudflare
  const { status } = await fetch(`${api.api}/zones/${zone?.id}/dns_records/${record?.id}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ content: '0a7d5c9e-1b2f-4c3d-8e9f-000000000000.cfargotunnel.com' }),
  })
  expect(status).toBe(200)
  await watch.look()
  expect(told).toHaveLength(before)
  await watch.look()
  expect(said).toEqual([])
  const card = told.at(-1)
  expect(card).toMatchObject({ state: 'live', card: { tone: 'error' } })
  const fix = card?.card.buttons?.find(({ label }) => label.includes(host('films')))
  expect(fix?.action).toEqual({ kind: 'command', text: `tunnel fix dns-dead-tunnel/${host('films')}` })
  output(await type(`tunnel fix dns-dead-tunnel/${host('films')}`))
  await watch.look()
  await watch.look()
  expect(told.filter(({ state }) => state === 'live').length).toBeGreaterThan(0)
  expect(JSON.stringify(told.at(-1)?.card)).not.toContain(host('films'))
})
