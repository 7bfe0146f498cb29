import { type Card, createRegistry, defineOperation, HomelabError, type Services } from '@homelab/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Finding } from '../incidents/types.ts'
import { HOUR, MINUTE, world } from '../schedule/schedule.fixture.ts'
import { createExposureWatch } from './exposures.ts'

/** What is exposed at Cloudflare, and what is wrong with it. */
interface Outside {
  fails?: Error | undefined
  until: Record<string, string | undefined>
  wrong: string[]
  asked: number
}

function operationsOn(outside: Outside) {
  const read = { risk: 'read', permission: 'viewer', input: z.object({}), needs: [] } as const
  const about = { title: 'Look', description: 'Looks.' }
  return createRegistry([
    defineOperation({
      ...read,
      ...about,
      id: 'tunnel.routes',
      chat: 'tunnel routes',
      output: z.object({ marks: z.array(z.object({ hostname: z.string(), until: z.string().optional() })) }),
      run: async () => {
        outside.asked += 1
        return {
          marks: Object.entries(outside.until).map(([hostname, until]) => ({
            hostname,
            ...(until && { until }),
          })),
        }
      },
      card: () => ({ title: 'Routes', tone: 'neutral' }),
    }),
    defineOperation({
      ...read,
      ...about,
      id: 'tunnel.drift',
      chat: 'tunnel drift',
      output: z.object({ rows: z.array(z.object({ id: z.string(), severity: z.string() })) }),
      run: async () => {
        if (outside.fails !== undefined) throw outside.fails
        return {
          rows: outside.wrong.map((id) => ({ id, severity: id.startsWith('note') ? 'note' : 'critical' })),
        }
      },
      card: ({ rows }) => ({
        title: `${rows.length} things are not as meant`,
        tone: rows.length > 0 ? 'error' : 'ok',
      }),
    }),
  ])
}

/** A watch, and a scheduler that is given what is to be taken back; its `work` stands for taking it back. */
async function watching(at: string) {
  const outside: Outside = { until: {}, wrong: [], asked: 0 }
  const { open, clock, work } = world(at)
  const told: { id: string; card: Card; state: string; finding: Omit<Finding, 'card'> }[] = []
  const bot = await open(() =>
    watch.expiries().map((job) => ({ ...job, command: { operation: 'test.work', input: { name: job.id } } })),
  )
  const made = (services: Partial<Services> = { network: {} as Services['network'] }) =>
    createExposureWatch({
      registry: operationsOn(outside),
      services: () => services,
      runs: bot.runs,
      facts: bot.store.facts,
      clock,
      tell: (id, card, state, finding) => void told.push({ id, card, state, finding }),
      log: { warn: (facts) => bot.bugs.push(facts), error: (facts) => bot.bugs.push(facts) },
      firstMs: MINUTE,
      everyMs: 10 * MINUTE,
    })
  let watch = made()
  return { outside, told, bot, work, clock, made, watch: () => watch, again: () => (watch = made()) }
}

test('what is exposed for a while is taken back then, and once', async () => {
  const { outside, bot, work, watch } = await watching('2026-11-26T03:00:00Z')
  outside.until = { 'a.example.com': '2026-11-26T07:00Z', 'b.example.com': undefined }
  await watch().look()
  bot.scheduler.start()
  await bot.pass(3 * HOUR)
  expect(work.done).toEqual([])
  await bot.pass(2 * HOUR)
  expect(work.done).toEqual(['expire/a.example.com'])
  delete outside.until['a.example.com']
  await watch().look()
  await bot.pass(3 * HOUR)
  expect(work.done).toHaveLength(1)
  expect(bot.scheduler.list()).toEqual([])
})

test('what was over before anybody saw it is taken back soon, and a bot that comes later knows', async () => {
  const { outside, bot, work, watch, again } = await watching('2026-11-26T03:00:00Z')
  outside.until = { 'a.example.com': '2026-11-25T07:00Z' }
  await watch().look()
  await watch().stop()
  again()
  bot.scheduler.start()
  await bot.pass(MINUTE)
  expect(work.done).toEqual([])
  await watch().look()
  await bot.pass(3 * MINUTE)
  expect(work.done).toEqual(['expire/a.example.com'])
})

test('what could not be taken back is tried again with each look, until it is gone', async () => {
  const { outside, bot, work, watch } = await watching('2026-11-26T03:00:00Z')
  const tries = async () =>
    (await bot.store.audit.list({ limit: 100 })).filter(({ decision }) => decision === 'started').length
  work.fails = new HomelabError('failed', 'Cloudflare blocks this token.')
  outside.until = { 'a.example.com': '2026-11-26T04:00Z' }
  await watch().look()
  bot.scheduler.start()
  await bot.pass(30 * MINUTE)
  await bot.pass(31 * MINUTE)
  expect(await tries()).toBe(1)
  // Nobody looked since: nothing says that it is still there.
  await bot.pass(HOUR)
  expect(await tries()).toBe(1)
  for (const times of [2, 3]) {
    await watch().look()
    // What is to begin in two minutes is not put off by another look.
    await watch().look()
    await bot.pass(MINUTE)
    await watch().look()
    await bot.pass(2 * MINUTE)
    expect(await tries()).toBe(times)
  }
  // However often: one card, which is changed.
  expect(new Set(bot.told.map(({ id }) => id)).size).toBe(1)
  expect(bot.told.at(-1)).toMatchObject({ state: 'done', card: { tone: 'error' } })
  work.fails = undefined
  await watch().look()
  await bot.pass(MINUTE)
  await bot.pass(2 * MINUTE)
  expect(work.done).toEqual(['expire/a.example.com'])
  expect(new Set(bot.told.map(({ id }) => id)).size).toBe(1)
  expect(bot.told.at(-1)).toMatchObject({ state: 'done', card: { tone: 'ok' } })
  delete outside.until['a.example.com']
  await watch().look()
  await bot.pass(3 * HOUR)
  expect(await tries()).toBe(4)
  expect(bot.scheduler.list()).toEqual([])
})

test('what could not be taken back, and is gone by another hand, is said on the same card; the next one has its own', async () => {
  const { outside, bot, work, watch } = await watching('2026-11-26T03:00:00Z')
  work.planFails = new HomelabError('conflict', 'Its record is not ours.')
  outside.until = { 'a.example.com': '2026-11-26T04:00Z' }
  await watch().look()
  bot.scheduler.start()
  await bot.pass(30 * MINUTE)
  await bot.pass(31 * MINUTE)
  const first = bot.told.at(-1)
  expect(first).toMatchObject({ state: 'done', card: { tone: 'error' } })
  delete outside.until['a.example.com']
  await watch().look()
  await bot.pass(MINUTE)
  expect(bot.told.at(-1)).toMatchObject({ id: first?.id, state: 'done', card: { tone: 'neutral' } })
  outside.until = { 'a.example.com': '2026-11-26T08:00Z' }
  await watch().look()
  await bot.pass(30 * MINUTE)
  await bot.pass(4 * HOUR)
  expect(bot.told.at(-1)).toMatchObject({ state: 'done', card: { tone: 'error' } })
  expect(bot.told.at(-1)?.id).not.toBe(first?.id)
})

test('what the scheduler tries again by itself is left to it', async () => {
  const { outside, bot, work, watch } = await watching('2026-11-26T03:00:00Z')
  work.fails = new HomelabError('unreachable', 'Cloudflare does not answer.')
  outside.until = { 'a.example.com': '2026-11-26T04:00Z' }
  await watch().look()
  bot.scheduler.start()
  await bot.pass(30 * MINUTE)
  await bot.pass(31 * MINUTE)
  const before = watch().expiries()
  await watch().look()
  expect(watch().expiries()).toEqual(before)
  work.fails = undefined
  await bot.pass(5 * MINUTE)
  expect(work.done).toEqual(['expire/a.example.com'])
})

test('a longer time takes the place of the shorter one', async () => {
  const { outside, bot, work, watch } = await watching('2026-11-26T03:00:00Z')
  outside.until = { 'a.example.com': '2026-11-26T04:00Z' }
  await watch().look()
  bot.scheduler.start()
  await bot.pass(30 * MINUTE)
  outside.until = { 'a.example.com': '2026-11-26T09:00Z' }
  await watch().look()
  await bot.pass(2 * HOUR)
  expect(work.done).toEqual([])
  await bot.pass(5 * HOUR)
  expect(work.done).toEqual(['expire/a.example.com'])
})

test('a difference is told when it lasts, on one card, and when it is gone', async () => {
  const { outside, told, watch } = await watching('2026-11-26T03:00:00Z')
  outside.wrong = ['dns-missing/a.example.com', 'note/b']
  await watch().look()
  expect(told).toEqual([])
  await watch().look()
  await watch().look()
  expect(told).toMatchObject([{ state: 'live', card: { title: '2 things are not as meant', tone: 'error' } }])
  outside.wrong = []
  await watch().look()
  await watch().look()
  expect(told.slice(1)).toMatchObject([{ id: told[0]?.id, state: 'done', card: { tone: 'ok' } }])
  expect(told.map(({ finding }) => finding)).toMatchObject([
    { state: 'firing', kind: 'drift', severity: 'critical' },
    { state: 'resolved', kind: 'drift', key: told[0]?.finding.key },
  ])
})

test('a tunnel that nothing is connected to is a problem of its own, once, also over a restart', async () => {
  const { outside, told, watch, again } = await watching('2026-11-26T03:00:00Z')
  outside.wrong = ['tunnel-down/home']
  await watch().look()
  await watch().look()
  again()
  await watch().look()
  expect(told).toMatchObject([
    {
      state: 'live',
      card: { title: 'The tunnel home is not connected' },
      finding: { key: 'tunnel', kind: 'down', state: 'firing', severity: 'critical' },
    },
  ])
  outside.wrong = []
  await watch().look()
  await watch().look()
  expect(told.slice(1)).toMatchObject([
    { id: told[0]?.id, state: 'done', finding: { key: 'tunnel', state: 'resolved' } },
  ])
})

test('without a network in the file nothing is asked', async () => {
  const { outside, made } = await watching('2026-11-26T03:00:00Z')
  const none = made({})
  await none.look()
  expect(outside.asked).toBe(0)
})

test('what cannot be looked at for hours is told once, also over a restart, and that it can be again', async () => {
  const { outside, told, bot, watch, again } = await watching('2026-11-26T03:00:00Z')
  outside.fails = new HomelabError('unauthorised', 'Cloudflare does not take this token.')
  await watch().look()
  await bot.pass(HOUR)
  await watch().look()
  expect(told).toEqual([])
  await bot.pass(HOUR)
  await watch().look()
  await watch().stop()
  again()
  await watch().look()
  expect(told.map(({ card, finding }) => [card.title, finding.state])).toEqual([
    ['What is exposed cannot be looked at', 'firing'],
  ])
  expect(told[0]?.card.text).toContain('Cloudflare does not take this token.')
  outside.fails = undefined
  await watch().look()
  await watch().look()
  expect(told.slice(1).map(({ finding }) => finding.state)).toEqual(['resolved'])
  // The failures were said in the log each time.
  expect(bot.bugs.splice(0)).toHaveLength(4)
})
