import { HomelabError } from '@homelab/core'
import { describe, expect, test } from 'vitest'
import { DAY, daily, HOUR, mary, world } from './schedule.fixture.ts'
import type { ScheduledJob } from './types.ts'

const only = (job: Partial<ScheduledJob> = {}) => {
  const jobs = [{ ...daily, ...job }]
  return () => jobs
}
const MINUTE = 60_000

/** Decisions of the audit log, the oldest first, each with who and what. */
async function audited(store: Awaited<ReturnType<ReturnType<typeof world>['open']>>['store']) {
  const entries = await store.audit.list({ limit: 100 })
  return entries.toReversed().map(({ decision, caller, command }) => `${decision} ${caller.id}: ${command}`)
}

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
  const bot = await open(only())
  const second = bot.second()
  bot.scheduler.start()
  second.start()

  await bot.pass(2 * DAY)
  await second.look()

  expect(work.done).toEqual(['daily', 'daily'])
  expect(await bot.runs.list({ limit: 9 })).toHaveLength(2)
})

test('jitter is the same for an occurrence wherever it is looked at, and differs between them', async () => {
  const { open } = world('2026-11-25T02:59:00Z')
  const bot = await open(only({ jitterMs: HOUR }))
  bot.scheduler.start()
  await bot.pass(3 * DAY)

  const runs = await bot.runs.list({ limit: 9 })
  const minutes = runs.map(({ createdAt }) => createdAt.slice(11, 16))
  expect(runs).toHaveLength(3)
  expect(new Set(minutes).size).toBe(3)
  expect(minutes.every((time) => time.startsWith('03:'))).toBe(true)
  // Late is what is later than its own moment.
  expect(bot.told).toEqual([])

  const again = world('2026-11-25T02:59:00Z')
  const other = await again.open(only({ jitterMs: HOUR }))
  other.scheduler.start()
  await other.pass(3 * DAY)
  expect((await other.runs.list({ limit: 9 })).map(({ createdAt }) => createdAt)).toEqual(
    runs.map(({ createdAt }) => createdAt),
  )
})

test('does not begin while the one before goes on: then the newest, late', async () => {
  const { open, work } = world('2026-11-25T02:59:00Z')
  const blocked = Promise.withResolvers<void>()
  work.gate = blocked.promise
  const bot = await open(only({ cron: '0 * * * *' }))
  bot.scheduler.start()
  await bot.pass(3 * HOUR + 31 * MINUTE)
  expect(await bot.runs.list({ limit: 9 })).toHaveLength(1)
  const [first] = await bot.runs.active()

  work.gate = undefined
  blocked.resolve()
  await bot.runs.finished(first?.id ?? '')
  await bot.settle()

  expect(work.done).toHaveLength(2)
  const [newest] = await bot.runs.list({ limit: 9 })
  expect(newest?.title).toBe('Work on daily (30 min late: the one before still went on)')
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

describe('what does not go well is told', () => {
  test('a run that fails', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.fails = new HomelabError('failed', 'no space left')
    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(2 * MINUTE)

    expect(bot.told).toMatchObject([
      { state: 'done', card: { title: 'Failed: Work on daily', text: 'no space left', tone: 'error' } },
    ])
    const buttons = bot.told[0]?.card.buttons?.map(({ action }) => action)
    expect(buttons).toContainEqual({ kind: 'command', text: 'schedule run test/daily' })
    expect(bot.scheduler.list()[0]?.last).toMatchObject({ state: 'failed', error: 'no space left' })
  })

  test.each<[string, Partial<Parameters<typeof setUp>[0]>, string]>([
    ['the plan is refused', { planFails: new HomelabError('conflict', 'It is stopped.') }, 'It is stopped.'],
    [
      'it would take down the bot',
      { plan: { lockout: ['It runs there.'] } },
      'It would take down what I need myself: It runs there.',
    ],
    [
      'it wants an approval',
      { approval: () => 'a rule' },
      '"work" needs an approval, which a schedule cannot wait for.',
    ],
    ['its input does not fit', { input: { name: 7 } }, 'The schedule test/daily does not fit "work"'],
  ])('one that cannot begin, because %s', async (_name, options, text) => {
    const { bot, work } = await setUp(options)

    expect(work.done).toEqual([])
    expect(await bot.runs.list({ limit: 9 })).toEqual([])
    expect(bot.told).toMatchObject([
      { state: 'done', card: { title: 'Not begun: Daily work', text: expect.stringContaining(text) } },
    ])
    expect((await audited(bot.store)).join()).toMatch(/^(?:refused|denied) schedule:test\/daily/)
    expect(bot.scheduler.list()[0]?.last).toMatchObject({ state: 'failed', due: '2026-11-25T03:00:00.000Z' })
  })

  async function setUp(options: {
    readonly planFails?: HomelabError
    readonly plan?: object
    readonly approval?: () => unknown
    readonly input?: Record<string, unknown>
  }) {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.planFails = options.planFails
    work.plan = options.plan ?? {}
    const command = { operation: 'test.work', input: options.input ?? {} }
    const { approval } = options
    const bot = await open(only({ command }), approval === undefined ? {} : { approval })
    bot.scheduler.start()
    await bot.pass(10 * MINUTE)
    return { bot, work }
  }

  test('a lab that does not answer: it is tried again, on one card, until it begins', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.planFails = new HomelabError('unreachable', 'No answer from pve.')
    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(10 * MINUTE)
    expect(bot.told.at(-1)).toMatchObject({
      state: 'live',
      card: { title: 'Cannot begin yet: Daily work', tone: 'warning' },
    })

    work.planFails = undefined
    await bot.pass(20 * MINUTE)

    expect(work.done).toEqual(['daily'])
    expect(new Set(bot.told.map(({ id }) => id)).size).toBe(1)
    expect(bot.told.at(-1)).toMatchObject({ state: 'done', card: { title: 'Worked on daily', tone: 'ok' } })
    expect(bot.told.at(-1)?.card.text).toMatch(/^\d+ min late: nothing answered\.$/)
  })
})

test('an operation that is not there is skipped and logged once; a time that makes no sense is a problem', async () => {
  const { open } = world('2026-11-25T02:59:00Z')
  const jobs = [
    { ...daily, id: 'test/new', command: { operation: 'test.unknown', input: {} } },
    { ...daily, id: 'test/odd', cron: '61 * * * *' },
  ]
  const bot = await open(() => jobs)
  bot.scheduler.start()
  await bot.pass(HOUR)

  expect(bot.scheduler.list()).toMatchObject([
    { id: 'test/odd', problem: '"61 * * * *" is no schedule: Field value (61) is out of range.' },
  ])
  expect(bot.warnings).toEqual(['a schedule is for what this version cannot do', 'a schedule makes no sense'])
  expect(bot.bugs).toEqual([])
})

describe('in people’s hands', () => {
  test('begun now as a run of theirs, not twice, and not instead of the next', async () => {
    const { open, work } = world('2026-11-25T02:50:00Z')
    const blocked = Promise.withResolvers<void>()
    work.gate = blocked.promise
    const bot = await open(only())
    bot.scheduler.start()
    await bot.scheduler.look()

    const run = await bot.scheduler.run('test/daily', mary)

    expect(run).toMatchObject({ title: 'Work on daily', caller: { id: 'console:mary' } })
    await expect(bot.scheduler.run('test/daily', mary)).rejects.toMatchObject({ code: 'conflict' })
    work.gate = undefined
    blocked.resolve()
    await bot.settle()
    expect(await audited(bot.store)).toEqual([
      'started console:mary: schedule run test/daily',
      'succeeded console:mary: schedule run test/daily',
    ])
    expect(bot.scheduler.list()[0]?.last).toMatchObject({ state: 'succeeded', by: 'mary' })
    await bot.pass(20 * MINUTE)
    expect(work.done).toHaveLength(2)
  })

  test('a pause is kept by a restart, and what is due meanwhile is left out', async () => {
    const { open, work } = world('2026-11-25T02:50:00Z')
    const before = await open(only())
    before.scheduler.start()
    await before.settle()
    await before.scheduler.pause('test/daily', mary)
    await before.pass(DAY)
    await before.close()

    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(DAY)
    expect(work.done).toEqual([])
    const [paused] = bot.scheduler.list()
    expect(paused).toMatchObject({ paused: { by: { id: 'console:mary', name: 'mary' } } })
    expect(paused?.next).toBeUndefined()

    expect(await bot.scheduler.resume('test/daily', mary)).toMatchObject({ next: '2026-11-27T03:00:00.000Z' })
    await bot.pass(HOUR)
    expect(work.done).toEqual(['daily'])
    await expect(bot.scheduler.resume('test/daily', mary)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('a pause for a while ends by itself', async () => {
    const { open, work, clock } = world('2026-11-25T02:50:00Z')
    const bot = await open(only())
    bot.scheduler.start()
    await bot.settle()
    const until = new Date(clock.now().getTime() + HOUR)
    expect(await bot.scheduler.pause('test/daily', mary, until)).toMatchObject({
      next: '2026-11-26T03:00:00.000Z',
      paused: { until: until.toISOString() },
    })

    await bot.pass(2 * HOUR)
    expect(work.done).toEqual([])
    expect(bot.scheduler.list()[0]?.paused).toBeUndefined()
    await bot.pass(DAY)
    expect(work.done).toEqual(['daily'])
    expect(bot.told).toEqual([])
  })

  test('a name that is none gets the nearest', async () => {
    const { open } = world('2026-11-25T02:50:00Z')
    const bot = await open(only())
    await expect(bot.scheduler.run('test/dayly', mary)).rejects.toMatchObject({
      code: 'not-found',
      message: 'There is no schedule "test/dayly". Did you mean test/daily?',
    })
  })
})
