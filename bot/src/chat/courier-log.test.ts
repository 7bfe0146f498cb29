import type { RunLogLine } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import { cardAt, openDesk, pace, start } from './courier.fixture.ts'
import { DeliveryError } from './courier.ts'

const after = (ms: number) => new Date(start + ms).toISOString()
const line = (number: number): RunLogLine => ({ at: after(number), text: `line ${number}` })
const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index))
const texts = (from: number, to: number) => lines(from, to).map(({ text }) => text)
const working = (text: string) => cardAt('a', 'working', text, { run: 'r1' })
const over = (ms: number) => cardAt('a', 'done', 'over', { run: 'r1', doneAt: after(ms) })
const again = new DeliveryError('again', 'HTTP 500')

describe('the log of a run', () => {
  it('that took less than 30 s is not added', async () => {
    const { courier, clock, platform, logs } = openDesk()
    logs.set('r1', lines(1, 10))
    courier.put(working('begun'))
    await clock.pass(29_000)
    courier.put(over(29_000))
    await clock.until(courier.idle())
    await clock.pass(60_000)
    expect(platform.of('a')[0]?.log).toEqual([])
    expect(courier.kept).toBe(0)
  })

  it('that takes longer is added in batches, at most every 5 s, and the rest when it ends', async () => {
    const { courier, clock, platform, logs } = openDesk()
    courier.put(working('begun'))
    for (let second = 1; second <= 52; second++) {
      logs.set('r1', lines(1, second))
      await clock.pass(1_000)
    }
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 50))
    logs.set('r1', lines(1, 60))
    courier.put(over(52_000))
    await clock.until(courier.idle())
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 60))
    const calls = platform.calls.filter(({ kind }) => kind === 'log').map(({ at }) => at)
    expect(calls).toEqual([30_000, 35_000, 40_000, 45_000, 50_000, 52_100])
    expect(platform.offences).toEqual([])
    await clock.pass(pace.channelMs)
    expect(courier.kept).toBe(0)
  })

  it('is not called for while there are no new lines', async () => {
    const { courier, clock, platform, logs } = openDesk()
    logs.set('r1', lines(1, 3))
    courier.put(working('begun'))
    await clock.pass(600_000)
    courier.put(over(600_000))
    await clock.until(courier.idle())
    expect(platform.calls.filter(({ kind }) => kind === 'log')).toHaveLength(1)
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 3))
  })

  it('goes on after a restart where it was, even when the run ended meanwhile', async () => {
    const { courier, clock, platform, logs, restart } = openDesk()
    logs.set('r1', lines(1, 10))
    courier.put(working('begun'))
    await clock.pass(40_000)
    logs.set('r1', lines(1, 25))
    const next = restart()
    next.resume([working('begun')])
    await clock.pass(6_000)
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 25))
    logs.set('r1', lines(1, 30))
    const last = restart()
    last.resume([over(50_000)])
    await clock.until(last.idle())
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 30))
    expect(platform.offences).toEqual([])
  })

  it('counts from when the work began, also over a restart', async () => {
    const { courier, clock, platform, logs, restart } = openDesk()
    logs.set('r1', lines(1, 10))
    courier.put(working('begun'))
    await clock.pass(20_000)
    const next = restart()
    next.resume([working('begun')])
    await clock.pass(9_000)
    expect(platform.of('a')[0]?.log).toEqual([])
    await clock.pass(1_100)
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 10))
  })

  it('of which only the last 2,000 lines are kept goes on behind the last that was added', async () => {
    const { courier, clock, platform, logs } = openDesk()
    logs.set('r1', lines(1, 150))
    courier.put(working('begun'))
    await clock.pass(32_000)
    logs.set('r1', lines(101, 2_100))
    courier.put(over(32_000))
    await clock.until(courier.idle())
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 2_100))
    const calls = platform.calls.filter(({ kind }) => kind === 'log')
    expect(calls.length).toBeGreaterThan(8)
  })

  it('of which lines were lost is added as far as it is there', async () => {
    const { courier, clock, platform, logs } = openDesk()
    logs.set('r1', lines(1, 10))
    courier.put(working('begun'))
    await clock.pass(32_000)
    logs.set('r1', lines(3_001, 5_000))
    courier.put(over(32_000))
    await clock.until(courier.idle())
    expect(platform.of('a')[0]?.log).toEqual([...texts(1, 10), ...texts(3_001, 5_000)])
  })

  it('is added once though the platform fails after it acted', async () => {
    const { courier, clock, platform, logs } = openDesk()
    logs.set('r1', lines(1, 10))
    let failed = false
    platform.fault = ({ kind }) => {
      if (failed || kind !== 'log') return undefined
      failed = true
      return { throws: again, late: true }
    }
    courier.put(working('begun'))
    await clock.pass(40_000)
    expect(failed).toBe(true)
    expect(platform.of('a')[0]?.log).toEqual(texts(1, 10))
  })

  it('that cannot be added or read is given up, and the card is not', async () => {
    for (const broken of ['add', 'read']) {
      const bugs: unknown[] = []
      const unreadable = { log: () => Promise.reject(new Error('closed')) }
      const { courier, clock, platform, logs, lost } = openDesk(
        broken === 'read' ? { runs: unreadable, onBug: (error) => bugs.push(error) } : {},
      )
      logs.set('r1', lines(1, 10))
      platform.fault = ({ kind }) =>
        kind === 'log' ? { throws: new DeliveryError('gone', 'no thread') } : undefined
      courier.put(working('begun'))
      await clock.pass(60_000)
      courier.put(over(60_000))
      await clock.until(courier.idle())
      expect(platform.of('a')[0]?.states.at(-1)?.state).toBe('done')
      expect(lost).toEqual([])
      expect(platform.calls.filter(({ kind }) => kind === 'log')).toHaveLength(broken === 'add' ? 1 : 0)
      expect(bugs).toHaveLength(broken === 'add' ? 0 : 1)
      await clock.pass(pace.channelMs)
      expect(courier.kept).toBe(0)
    }
  })
})

describe('the asker', () => {
  const asked = (rest: object = {}) =>
    cardAt('a', 'done', 'over', { run: 'r', doneAt: after(61_000), ...rest })
  const { run: _, ...unanswered } = asked()
  const nobody = { ...asked().caller, id: 'homelab:watch' }

  it.each([
    ['once when it took over a minute', asked(), 1],
    ['not when it took less', asked({ doneAt: after(60_000) }), 0],
    ['not of a question that nobody answered', unanswered, 0],
    ['not when only they see it', asked({ private: true }), 0],
    ['not when there is none', asked({ caller: nobody }), 0],
  ])('is told %s', async (_, posted, times) => {
    const { courier, clock, platform, restart } = openDesk()
    courier.put(posted)
    await clock.until(courier.idle())
    expect(platform.of('a')[0]?.mentions).toBe(times)
    courier.put(posted)
    courier.put({ ...posted, card: { ...posted.card, text: 'corrected' } })
    await clock.until(courier.idle())
    const next = restart()
    next.resume([{ ...posted, card: { ...posted.card, text: 'corrected' } }])
    await clock.until(next.idle())
    expect(platform.of('a')[0]?.mentions).toBe(times)
  })

  it('is told after the card shows it, also when the bot died between the two', async () => {
    const { courier, clock, platform, restart } = openDesk()
    platform.fault = ({ kind }) => (kind === 'mention' ? { throws: again } : undefined)
    courier.put(asked())
    await clock.pass(1_000)
    expect(platform.calls.map(({ kind }) => kind).slice(0, 2)).toEqual(['show', 'mention'])
    expect(platform.of('a')[0]?.mentions).toBe(0)
    platform.fault = () => undefined
    const next = restart()
    next.resume([asked()])
    await clock.until(next.idle())
    expect(platform.of('a')[0]?.mentions).toBe(1)
  })
})

describe('the history of an incident', () => {
  const incident = (text: string, state: 'working' | 'done' = 'working', ms = 0) =>
    cardAt('i', state, text, {
      log: 'incident/k7f3',
      caller: { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' },
      ...(state === 'done' ? { doneAt: after(ms) } : {}),
    })
  const read = (calls: readonly { readonly kind: string }[]) =>
    calls.filter(({ kind }) => kind === 'log').length

  it('comes beside its card when it lasts, then with each change, and is asked for by no clock', async () => {
    const { courier, clock, platform, logs } = openDesk()
    logs.set('incident/k7f3', lines(1, 1))
    courier.put(incident('fires'))
    await clock.pass(29_000)
    expect(platform.of('i')[0]?.log).toEqual([])
    await clock.pass(2_000)
    expect(platform.of('i')[0]?.log).toEqual(texts(1, 1))
    // Once more soon after, for what came meanwhile.
    await clock.pass(10_000)
    logs.set('incident/k7f3', lines(1, 2))
    await clock.pass(3_600_000)
    expect(read(platform.calls)).toBe(1)
    courier.put(incident('acknowledged'))
    await clock.pass(2_000)
    expect(platform.of('i')[0]?.log).toEqual(texts(1, 2))
    logs.set('incident/k7f3', lines(1, 3))
    courier.put(incident('over', 'done', 3_700_000))
    await clock.until(courier.idle())
    expect(platform.of('i')[0]?.log).toEqual(texts(1, 3))
    await clock.pass(pace.channelMs)
    expect(courier.kept).toBe(0)
  })

  it('of one that is over at once is left out', async () => {
    const { courier, clock, platform, logs } = openDesk()
    logs.set('incident/k7f3', lines(1, 2))
    courier.put(incident('fires'))
    await clock.pass(5_000)
    courier.put(incident('over', 'done', 5_000))
    await clock.until(courier.idle())
    expect(platform.of('i')[0]?.log).toEqual([])
  })
})
