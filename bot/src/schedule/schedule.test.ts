import { HomelabError } from '@homelab/core'
import { describe, expect, test } from 'vitest'
import { audited, DAY, daily, HOUR, MINUTE, only, world } from './schedule.fixture.ts'
import type { ScheduledJob } from './types.ts'

test('begins at its time as a caller of its own, once a day, and is silent when it goes well', async () => {
  const { open, work } = world('2026-11-25T02:50:00Z')
  const bot = await open(only())
  bot.scheduler.start()
  expect(bot.scheduler.list()).toMatchObject(
    [{ id: 'test/daily', next: undefined }].map(({ id }) => ({ id })),
  )

  await bot.pass(9 * MINUTE)
  expect(work.done).toEqual([])
  await bot.pass(2 * MINUTE)
  expect(work.done).toEqual(['daily'])
  await bot.pass(2 * DAY)

  expect(work.done).toEqual(['daily', 'daily', 'daily'])
  const [run] = await bot.runs.list({ limit: 9 })
  expect(run).toMatchObject({
    operation: 'test.work',
    title: 'Work on daily',
    state: 'succeeded',
    createdAt: '2026-11-27T03:00:00.000Z',
    caller: { id: 'schedule:test/daily', name: 'schedule' },
  })
  expect(await bot.runs.byKey('schedule:test/daily:2026-11-26T03:00:00.000Z')).toMatchObject({
    state: 'succeeded',
  })
  expect((await audited(bot.store)).slice(0, 2)).toEqual([
    'started schedule:test/daily: schedule test/daily 2026-11-25T03:00:00.000Z',
    'succeeded schedule:test/daily: schedule test/daily 2026-11-25T03:00:00.000Z',
  ])
  expect(bot.scheduler.list()).toMatchObject([
    {
      next: '2026-11-28T03:00:00.000Z',
      last: { due: '2026-11-27T03:00:00.000Z', state: 'succeeded', run: run?.id },
    },
  ])
  expect(bot.told).toEqual([])
  expect(bot.bugs).toEqual([])
})

test('what is done once, however many bots, is told which occurrence it is', async () => {
  const { open, work } = world('2026-11-25T02:50:00Z')
  const bot = await open(only({ once: true, jitterMs: 5 * MINUTE }))
  bot.scheduler.start()
  await bot.pass(HOUR)
  await bot.pass(DAY)

  expect(work.done).toEqual(['daily of 2026-11-25T03:00:00.000Z', 'daily of 2026-11-26T03:00:00.000Z'])
})

test('a report is told, also when all is well', async () => {
  const { open } = world('2026-11-25T02:50:00Z')
  const bot = await open(only({ tells: {} }))
  bot.scheduler.start()
  await bot.pass(0)
  await bot.pass(HOUR)

  expect(bot.told).toMatchObject([{ card: { title: 'Worked on daily', tone: 'ok' }, state: 'done' }])
})

test('a report that is only wanted when there is something to say is silent when all is well', async () => {
  const { open } = world('2026-11-25T02:50:00Z')
  const bot = await open(only({ tells: { unlessOk: true } }))
  bot.scheduler.start()
  await bot.pass(0)
  await bot.pass(HOUR)

  expect(await bot.runs.list({ limit: 9 })).toMatchObject([{ state: 'succeeded' }])
  expect(bot.told).toEqual([])
})

describe('daylight saving in London', () => {
  test.each([
    ['an hour that does not exist', '2026-03-28T12:00:00Z', '2026-03-29T01:00:00.000Z'],
    ['an hour that comes twice', '2026-10-24T12:00:00Z', '2026-10-25T00:30:00.000Z'],
  ])('in %s it runs once', async (_name, from, due) => {
    const { open, work } = world(from)
    const bot = await open(only({ cron: '30 1 * * *', timezone: 'Europe/London' }))
    bot.scheduler.start()

    await bot.pass(DAY)

    expect(work.done).toEqual(['daily'])
    expect(await bot.runs.list({ limit: 9 })).toMatchObject([{ createdAt: due }])
    expect(bot.told).toEqual([])
  })
})

describe('missed while the bot was down', () => {
  test('the newest is caught up once, late, and the card says so', async () => {
    const { open, work, set } = world('2026-11-20T12:00:00Z')
    const before = await open(only())
    before.scheduler.start()
    await before.settle()
    await before.close()
    set('2026-11-25T09:00:30Z')

    const bot = await open(only())
    bot.scheduler.start()
    await bot.settle()
    await bot.pass(HOUR)

    expect(work.done).toEqual(['daily'])
    expect(await bot.runs.list({ limit: 9 })).toMatchObject([
      { title: 'Work on daily (6 h late: the bot was not there)' },
    ])
    const notice = 'schedule-test/daily-2026-11-25T03:00:00.000Z'
    expect(bot.told.map(({ id, state }) => [id, state])).toEqual([
      [notice, 'live'],
      [notice, 'done'],
    ])
    expect(bot.told[1]?.card).toMatchObject({
      title: 'Worked on daily',
      tone: 'ok',
      text: '6 h late: the bot was not there.',
    })
    expect(bot.scheduler.list()[0]).toMatchObject({
      last: { state: 'succeeded', late: '6 h late: the bot was not there' },
    })
  })

  test('it is left out where that is wanted', async () => {
    const { open, work, set } = world('2026-11-20T12:00:00Z')
    const jobs = only({ catchUp: 'skip' })
    const before = await open(jobs)
    before.scheduler.start()
    await before.settle()
    await before.close()
    set('2026-11-25T09:00:00Z')

    const bot = await open(jobs)
    bot.scheduler.start()
    await bot.settle()

    expect(work.done).toEqual([])
    expect(bot.scheduler.list()[0]?.last).toMatchObject({ state: 'skipped', due: '2026-11-25T03:00:00.000Z' })
    await bot.pass(DAY)
    expect(work.done).toEqual(['daily'])
  })

  test('what is new, comes back or has another time misses nothing of before', async () => {
    const { open, work } = world('2026-11-25T09:00:00Z')
    let jobs: ScheduledJob[] = [daily]
    const bot = await open(() => jobs)
    bot.scheduler.start()
    await bot.pass(MINUTE)
    jobs = []
    await bot.pass(2 * DAY)
    jobs = [daily]
    await bot.pass(MINUTE)
    jobs = [{ ...daily, cron: '0 9 * * *' }]
    await bot.pass(MINUTE)

    expect(work.done).toEqual([])
    await bot.pass(DAY)
    expect(work.done).toEqual(['daily'])
  })

  test('a run that ended while nobody followed is told', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    const blocked = Promise.withResolvers<void>()
    work.gate = blocked.promise
    const before = await open(only())
    before.scheduler.start()
    await before.pass(2 * MINUTE)
    expect(before.scheduler.list()[0]?.last).toMatchObject({ state: 'running' })
    const closed = before.close()
    await before.scheduler.stop()
    work.gate = undefined
    work.fails = new HomelabError('failed', 'no space left')
    blocked.resolve()
    await closed

    const bot = await open(only())
    bot.scheduler.start()
    await bot.settle()

    expect(bot.scheduler.list()[0]?.last).toMatchObject({ state: 'failed', error: 'no space left' })
    expect(bot.told).toMatchObject([
      { state: 'done', card: { title: 'Failed: Work on daily', tone: 'error' } },
    ])
    expect((await audited(bot.store)).map((line) => line.split(' ')[0])).toEqual(['started', 'failed'])
  })
})

test('a run that was begun and not noted is found by its key, and not begun again', async () => {
  const { open, work } = world('2026-11-25T02:59:00Z')
  const before = await open(only())
  before.scheduler.start()
  await before.settle()
  const kept = before.store.facts.get('schedule.jobs')
  await before.pass(2 * MINUTE)
  await before.scheduler.stop()
  await before.store.facts.set('schedule.jobs', kept ?? null)
  await before.close()

  const bot = await open(only())
  bot.scheduler.start()
  await bot.pass(HOUR)

  expect(work.done).toEqual(['daily'])
  const [run] = await bot.runs.list({ limit: 9 })
  expect(bot.scheduler.list()[0]?.last).toMatchObject({ state: 'succeeded', run: run?.id })
})

describe('a clock that is set', () => {
  test('ahead: what was jumped over is due once, and says why it is late', async () => {
    const { open, work, set } = world('2026-11-25T02:00:00Z')
    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(MINUTE)

    set('2026-11-25T05:00:00Z')
    await bot.pass(MINUTE)

    expect(work.done).toEqual(['daily'])
    expect(bot.scheduler.list()[0]?.last?.late).toBe('2 h late: the machine slept, or its clock was set')
  })

  test('back: an occurrence that was seen to its end does not come again', async () => {
    const { open, work, set } = world('2026-11-25T02:59:00Z')
    const bot = await open(only({ cron: '0 * * * *' }))
    bot.scheduler.start()
    await bot.pass(HOUR + 2 * MINUTE)
    expect(work.done).toHaveLength(2)

    set('2026-11-25T02:30:00Z')
    await bot.pass(HOUR + 40 * MINUTE)

    expect(work.done).toHaveLength(2)
    expect(await audited(bot.store)).toHaveLength(4)
    await bot.pass(HOUR)
    expect(work.done).toHaveLength(3)
  })

  test('years ahead and back: it goes on from where the clock is then', async () => {
    const { open, work, set } = world('2026-11-25T12:00:00Z')
    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(MINUTE)
    set('2029-01-01T12:00:00Z')
    await bot.pass(MINUTE)
    expect(work.done).toHaveLength(1)

    set('2026-11-25T12:30:00Z')
    await bot.pass(DAY)

    expect(work.done).toHaveLength(2)
  })
})

test('two schedulers on one store begin an occurrence once', async () => {
  const { open, work } = world('2026-11-25T02:59:00Z')
  const bot = await open(only({ cron: '0 * * * *' }))
  const second = bot.second()
  bot.scheduler.start()
  second.start()

  await bot.pass(2 * HOUR)
  await second.look()

  expect(work.done).toEqual(['daily', 'daily'])
  expect(await bot.runs.list({ limit: 9 })).toHaveLength(2)
})

test('jitter is the same for an occurrence wherever it is looked at, and differs between them', async () => {
  const { open } = world('2026-11-25T02:59:00Z')
  const bot = await open(only({ cron: '0 * * * *', jitterMs: HOUR }))
  bot.scheduler.start()
  await bot.pass(3 * HOUR)

  const runs = await bot.runs.list({ limit: 9 })
  const minutes = runs.map(({ createdAt }) => Number(createdAt.slice(14, 16)))
  expect(runs).toHaveLength(3)
  expect(new Set(minutes).size).toBe(3)
  // Never more than half the way to the next.
  expect(Math.max(...minutes)).toBeLessThan(30)
  // Late is what is later than its own moment.
  expect(bot.told).toEqual([])

  const again = world('2026-11-25T02:59:00Z')
  const other = await again.open(only({ cron: '0 * * * *', jitterMs: HOUR }))
  other.scheduler.start()
  await other.pass(3 * HOUR)
  expect((await other.runs.list({ limit: 9 })).map(({ createdAt }) => createdAt)).toEqual(
    runs.map(({ createdAt }) => createdAt),
  )
})

test('does not begin while the one before goes on: then the newest, late', async () => {
  const { open, work } = world('2026-11-25T02:59:00Z')
  const blocked = Promise.withResolvers<void>()
  work.gate = blocked.promise
  const bot = await open(only({ cron: '*/20 * * * *' }))
  bot.scheduler.start()
  await bot.pass(51 * MINUTE)
  expect(await bot.runs.list({ limit: 9 })).toHaveLength(1)
  const [first] = await bot.runs.active()

  work.gate = undefined
  blocked.resolve()
  await bot.runs.finished(first?.id ?? '')
  await bot.settle()

  expect(work.done).toHaveLength(2)
  const [newest] = await bot.runs.list({ limit: 9 })
  expect(newest?.title).toBe('Work on daily (10 min late: the one before still went on)')
})

test('two that exclude each other go one after the other, by the lock of their runs', async () => {
  const { open, work } = world('2026-11-25T02:59:00Z')
  const blocked = Promise.withResolvers<void>()
  work.gate = blocked.promise
  const job = (name: string): ScheduledJob => ({
    ...daily,
    id: `test/${name}`,
    exclusive: 'repository/b2',
    command: { operation: 'test.work', input: { name } },
  })
  const jobs = [job('a'), job('b')]
  const bot = await open(() => jobs)
  bot.scheduler.start()
  await bot.pass(2 * MINUTE)

  const [holds, waits] = await bot.runs.active()
  expect(waits).toMatchObject({ state: 'waiting', waitingFor: { lock: 'repository/b2', run: holds?.id } })

  work.gate = undefined
  blocked.resolve()
  await bot.settle()
  expect(work.done).toEqual(['a', 'b'])
})
