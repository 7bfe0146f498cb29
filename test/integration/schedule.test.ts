/** Schedules in the whole bot on the simulated lab: end states of the lab first, words after. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller, RunView } from '@homelab/core'
import { type Inventory, parseInventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Bot, type BotOptions, startBot } from '../../bot/src/bot.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import type { ScheduledJob } from '../../bot/src/schedule/index.ts'
import { openStore } from '../../bot/src/store/index.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

const DAY = 86_400_000
const halfAnHourAgo = new Date(Date.now() - DAY / 48)
const job: ScheduledJob = {
  id: 'test/plex',
  title: 'Plex, restarted',
  // Not due while the tests run, and late by more than a moment when it was missed.
  cron: `${halfAnHourAgo.getUTCMinutes()} * * * *`,
  timezone: 'Europe/London',
  catchUp: 'once',
  command: { operation: 'service.restart', input: { services: ['plex'], wait: false } },
}
const people: Record<'harmeet' | 'partner' | 'kid', Caller> = {
  harmeet: { id: 'discord:1', name: 'harmeet', role: 'admin', surface: 'chat', person: 'harmeet' },
  partner: { id: 'discord:2', name: 'partner', role: 'operator', surface: 'chat', person: 'partner' },
  kid: { id: 'discord:3', name: 'kid', role: 'viewer', surface: 'chat', person: 'kid' },
}

const nothing = () => {}
const silent = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silent,
} as unknown as BotOptions['log']

let simulator: Simulator
let folder: string
let inventory: Inventory
let bot: Bot
let sent = 0

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  folder = await mkdtemp(join(tmpdir(), 'homelab-schedule-'))
  await setFile('')
  bot = await start()
})
afterEach(async () => {
  await bot[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function setFile(text: string): Promise<void> {
  const { rights, approve } = parseInventory(text)
  const base = (await sourceOf(simulator)).inventory()
  inventory = { ...base, people: [], channels: [], rights, approve, confirm: [] }
}

const start = async (): Promise<Bot> =>
  await startBot({
    source: { ...(await sourceOf(simulator, { stateDir: folder })), inventory: () => inventory },
    log: silent,
    port: 0,
    jobs: () => [job],
  })

async function type(name: keyof typeof people, text: string): Promise<Posted> {
  const place = { surface: 'console', channel: 'desk' }
  const posted = bot.desk.submit({ text, caller: people[name], place, key: `message-${++sent}` })
  return await bot.desk.settled(posted.id, { asking: true })
}

/** The first run that has ended, or will. */
async function ended(): Promise<RunView> {
  const { promise, resolve } = Promise.withResolvers<RunView>()
  const stop = bot.runs.onAny((run) => run.finishedAt !== undefined && resolve(run))
  const over = (await bot.runs.list({ limit: 9 })).find(({ finishedAt }) => finishedAt !== undefined)
  if (over !== undefined) resolve(over)
  return await promise.finally(stop)
}

/** Decisions about the restart, the oldest first, when there are so many. */
async function audited(count: number): Promise<readonly string[]> {
  for (;;) {
    const { output } = await type('harmeet', 'audit list service.restart')
    const { entries } = output as { entries: { decision: string; caller: { id: string } }[] }
    if (entries.length >= count)
      return entries.toReversed().map(({ decision, caller }) => `${decision} ${caller.id}`)
  }
}

/** The bot was away for so long. */
async function away(ms: number): Promise<void> {
  await bot[Symbol.asyncDispose]()
  const store = await openStore(join(folder, 'desk.db'))
  const kept = store.facts.get('schedule.jobs') as Record<string, { seen: string }>
  const entry = kept['test/plex']
  if (entry === undefined) throw new Error('nothing is kept of the schedule')
  const seen = new Date(Date.parse(entry.seen) - ms).toISOString()
  await store.facts.set('schedule.jobs', { 'test/plex': { ...entry, seen } })
  await store.close()
  bot = await start()
}
const reboots = async () => (await simulator.counts()).changes['110']?.reboot ?? 0

it('catches up once what was missed while the bot was away, as a caller of its own, and says so', async () => {
  await away(2 * DAY)
  const run = await ended()

  expect(await reboots()).toBe(1)
  expect(run).toMatchObject({
    state: 'succeeded',
    operation: 'service.restart',
    caller: { id: 'schedule:test/plex', name: 'schedule' },
  })
  expect(run.title).toMatch(/^Restart plex .*\(3\d min late: the bot was not there\)$/)
  expect(await audited(2)).toEqual(['started schedule:test/plex', 'succeeded schedule:test/plex'])
  const notice = bot.desk.board
    .recent({ surface: 'console' }, 99)
    .find(({ id }) => id.startsWith('schedule-'))
  expect(notice).toMatchObject({ state: 'done', caller: { id: 'homelab:bot' } })
  expect(notice?.card.text).toMatch(/^3\d min late: the bot was not there\./)

  await away(2 * DAY)
  const list = await type('kid', 'schedule list')
  expect(list.output).toMatchObject({
    schedules: [{ id: 'test/plex', last: { state: 'succeeded', run: run.id } }],
  })
  expect(await reboots()).toBe(1)
})

it('is begun now by who may do what it does, and by nobody else', async () => {
  expect((await type('kid', 'schedule run test/plex')).error).toBe('denied')
  const dry = await type('partner', 'schedule run test/plex --dry-run')
  expect(dry.card.title).toMatch(/^Dry run: Restart plex/)
  expect(await reboots()).toBe(0)

  const begun = await type('partner', 'schedule run test/plex')

  expect(begun.card.title).toMatch(/^Begun: Restart plex/)
  expect(await ended()).toMatchObject({ state: 'succeeded', caller: { id: 'discord:2' } })
  expect(await reboots()).toBe(1)
  expect(await audited(2)).toEqual(['started discord:2', 'succeeded discord:2'])

  await setFile('rights: { operations: { restart: admin } }')
  expect(await type('partner', 'schedule run test/plex')).toMatchObject({
    error: 'denied',
    card: { text: '"restart" needs the role admin; partner is operator.' },
  })
  await setFile('approve: [{ what: [restart], services: [plex], by: [second-person] }]')
  expect(await type('harmeet', 'schedule run test/plex')).toMatchObject({
    error: 'denied',
    card: { text: '"restart" needs an approval, which a schedule cannot wait for.' },
  })
  expect(await reboots()).toBe(1)
})

it('is asked for first where the file wants restarts confirmed', async () => {
  inventory = { ...inventory, confirm: ['restart'] }
  expect((await type('partner', 'schedule run test/plex')).state).toBe('asking')
  expect(await reboots()).toBe(0)
})

it('stays paused across a restart, and says by whom', async () => {
  expect((await type('partner', 'schedule pause test/plex')).error).toBe('denied')
  expect((await type('harmeet', 'schedule pause test/plex 7d')).card.title).toBe('Paused: Plex, restarted')

  await away(2 * DAY)

  const { card, output } = await type('kid', 'schedule list')
  expect(output).toMatchObject({ schedules: [{ paused: { by: { id: 'discord:1', name: 'harmeet' } } }] })
  expect(JSON.stringify(card)).toContain('paused by harmeet: ')
  expect((await type('harmeet', 'schedule resume test/plex')).card.title).toBe('Resumed: Plex, restarted')
  expect(await bot.runs.list({ limit: 9 })).toEqual([])
  expect(await reboots()).toBe(0)
})

it('completes the names of schedules', () => {
  const found = bot.desk.complete('schedule run tes', people.harmeet)
  expect(found).toMatchObject([{ line: 'schedule run test/plex ', label: 'Plex, restarted' }])
})
