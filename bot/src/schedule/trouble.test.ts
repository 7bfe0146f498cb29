import { HomelabError } from '@homelab/core'
import { describe, expect, test } from 'vitest'
import { audited, daily, HOUR, MINUTE, mary, only, world } from './schedule.fixture.ts'

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

describe('a run that failed for something that passes', () => {
  test('is tried again, on one card, until it is good', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.fails = new HomelabError('unreachable', 'pve does not answer.')
    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(2 * MINUTE)
    expect(bot.told.at(-1)).toMatchObject({ state: 'live', card: { tone: 'warning' } })
    expect(bot.told.at(-1)?.card.text).toContain('It is tried again in 5 min (1 of 3).')
    expect(bot.scheduler.list()[0]?.last).toMatchObject({
      state: 'failed',
      again: '2026-11-25T03:05:00.000Z',
    })

    await bot.pass(3 * MINUTE)
    expect(await bot.runs.list({ limit: 9 })).toHaveLength(1)
    work.fails = undefined
    await bot.pass(5 * MINUTE)
    await bot.pass(12 * HOUR)
    expect(work.done).toEqual(['daily'])
    expect(new Set(bot.told.map(({ id }) => id)).size).toBe(1)
    expect(bot.told.at(-1)).toMatchObject({ state: 'done', card: { title: 'Worked on daily', tone: 'ok' } })
    expect(bot.scheduler.list()[0]?.last).toMatchObject({
      state: 'succeeded',
      due: '2026-11-25T03:00:00.000Z',
    })
  })

  test('is given up after three more, and its card says so', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.fails = new HomelabError('locked', 'guest 110 is locked.')
    const bot = await open(only())
    bot.scheduler.start()
    for (let minute = 0; minute < 120; minute += 5) await bot.pass(5 * MINUTE)
    expect(await bot.runs.list({ limit: 9 })).toHaveLength(4)
    expect(bot.told.at(-1)).toMatchObject({ state: 'done', card: { tone: 'error' } })
    expect(bot.scheduler.list()[0]?.last).not.toHaveProperty('again')
  })

  test('is tried again by the bot that comes next, and not once somebody has run it', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.fails = new HomelabError('unreachable', 'pve does not answer.')
    const before = await open(only())
    before.scheduler.start()
    await before.pass(2 * MINUTE)
    await before.close()
    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(6 * MINUTE)
    expect(await bot.runs.list({ limit: 9 })).toHaveLength(2)

    work.fails = undefined
    await bot.scheduler.run('test/daily', mary)
    await bot.settle()
    await bot.pass(2 * HOUR)
    expect(work.done).toEqual(['daily'])
  })
})

describe('to the incidents', () => {
  test('a failure is one problem until a later run is good, also over a restart', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.fails = new HomelabError('failed', 'no space left')
    const hourly = only({ cron: '0 * * * *' })
    const before = await open(hourly)
    before.scheduler.start()
    await before.pass(2 * MINUTE)
    await before.pass(HOUR)
    expect(before.told.map(({ finding }) => [finding?.key, finding?.state])).toEqual([
      ['schedule/test/daily', 'firing'],
      ['schedule/test/daily', 'firing'],
    ])
    await before.close()

    const bot = await open(hourly)
    bot.scheduler.start()
    await bot.pass(MINUTE)
    expect(bot.told).toEqual([])
    work.fails = undefined
    await bot.pass(HOUR)
    expect(bot.told.map(({ finding }) => [finding?.key, finding?.state])).toEqual([
      ['schedule/test/daily', 'resolved'],
    ])
    await bot.pass(HOUR)
    expect(bot.told).toHaveLength(1)
  })

  test('one whose card is an error ends no problem, and of a job that tells its doubts a warning is told', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.fails = new HomelabError('failed', 'A does not come up')
    const bot = await open(only({ cron: '0 * * * *', tellsDoubts: true }))
    bot.scheduler.start()
    await bot.pass(2 * MINUTE)
    work.fails = undefined
    const tones = ['error', 'warning', 'ok'] as const
    for (const tone of tones) {
      work.tone = tone
      await bot.pass(HOUR)
    }
    expect(bot.told.map(({ card, finding }) => [card.tone, finding?.state])).toEqual([
      ['error', 'firing'],
      ['error', 'firing'],
      ['warning', undefined],
      ['warning', 'resolved'],
    ])
  })

  test('what cannot begin is one that is over when it began and went well', async () => {
    const { open, work } = world('2026-11-25T02:59:00Z')
    work.planFails = new HomelabError('unreachable', 'No answer from pve.')
    const bot = await open(only())
    bot.scheduler.start()
    await bot.pass(10 * MINUTE)
    work.planFails = undefined
    await bot.pass(20 * MINUTE)
    expect(bot.told.every(({ finding }) => finding?.key === 'schedule/test/daily')).toBe(true)
    expect(bot.told.at(-1)?.finding?.state).toBe('resolved')
    expect(bot.told.slice(0, -1).every(({ finding }) => finding?.state === 'firing')).toBe(true)
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
