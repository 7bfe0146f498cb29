import { describe, expect, test } from 'vitest'
import { audited, DAY, HOUR, MINUTE, mary, only, world } from './schedule.fixture.ts'

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
