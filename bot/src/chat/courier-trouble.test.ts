import { describe, expect, it } from 'vitest'
import { cardAt, openDesk, pace, start } from './courier.fixture.ts'
import { DeliveryError } from './courier.ts'
import type { Posted } from './types.ts'

const texts = (states: readonly Posted[] | undefined) => states?.map(({ card }) => card.text)
const again = new DeliveryError('again', 'HTTP 500')
const gone = new DeliveryError('gone', 'unknown message')
const never = new DeliveryError('never', 'invalid_blocks')
const after = (ms: number) => new Date(start + ms).toISOString()

describe('a platform that refuses', () => {
  it('and says for how long is left alone in that channel for so long, and in no other', async () => {
    const { courier, clock, platform } = openDesk()
    let refused = false
    platform.fault = ({ posted }) => {
      if (refused || posted.place.channel !== 'ops') return undefined
      refused = true
      return { throws: new DeliveryError('wait', '429', { retryAfterMs: 7_000 }) }
    }
    courier.put(cardAt('a', 'working', 'one'))
    courier.put(cardAt('b', 'done', 'over'))
    courier.put(cardAt('c', 'done', 'over', { place: { surface: 'slack', channel: 'other' } }))
    await clock.pass(500)
    courier.put(cardAt('a', 'done', 'two'))
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['two'])
    expect(platform.of('b')).toHaveLength(1)
    const inOps = platform.calls.filter(({ posted }) => posted.place.channel === 'ops')
    // The first to be called is the final card; its refusal came after 50 ms.
    expect(inOps[0]?.at).toBe(0)
    expect(inOps.slice(1).every(({ at }) => at >= 7_000)).toBe(true)
    expect(platform.calls.find(({ posted }) => posted.id === 'c')?.at).toBe(0)
  })

  it('for now is asked again, less and less often, and gets the last state after hours', async () => {
    const { courier, clock, platform, lost } = openDesk()
    platform.fault = () => (clock.monotonic() < 3 * 3_600_000 ? { throws: again } : undefined)
    courier.put(cardAt('a', 'working', 'one'))
    await clock.pass(3_600_000)
    courier.put(cardAt('a', 'done', 'last'))
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['last'])
    expect(lost).toEqual([])
    const shows = platform.calls.filter(({ kind }) => kind === 'show')
    const gaps = shows.slice(1).map(({ at }, index) => at - (shows[index]?.at ?? 0) - 50)
    expect(gaps[0]).toBeGreaterThanOrEqual(250)
    expect(gaps[0]).toBeLessThanOrEqual(500)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30_000)
    expect(Math.min(...gaps.slice(7))).toBeGreaterThanOrEqual(15_000)
    expect(new Set(gaps.slice(7)).size).toBeGreaterThan(10)
  })

  it('one card holds up no other', async () => {
    const { courier, clock, platform } = openDesk()
    platform.fault = ({ posted }) => (posted.id === 'a' ? { throws: again } : undefined)
    courier.put(cardAt('a', 'done', 'over'))
    courier.put(cardAt('b', 'done', 'over'))
    await clock.pass(1_000)
    expect(platform.of('b')).toHaveLength(1)
  })

  it('and hangs holds up no other card', async () => {
    const { courier, clock, platform } = openDesk()
    platform.fault = ({ posted }) => (posted.id === 'a' ? 'hang' : undefined)
    courier.put(cardAt('a', 'done', 'over'))
    courier.put(cardAt('b', 'done', 'over'))
    await clock.pass(1_000)
    expect(platform.of('b')).toHaveLength(1)
  })

  it('after it acted gets the same again and shows it once', async () => {
    const { courier, clock, platform } = openDesk()
    let calls = 0
    platform.fault = () => (++calls === 1 ? { throws: again, late: true } : undefined)
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    expect(platform.messages).toHaveLength(1)
    expect(calls).toBe(2)
  })

  it('for good loses the state, says so once, and gets the next one', async () => {
    const { courier, clock, platform, lost } = openDesk()
    platform.fault = ({ posted }) => (posted.state === 'working' ? { throws: never } : undefined)
    for (const text of ['one', 'two', 'three']) {
      courier.put(cardAt('a', 'working', text))
      await clock.until(courier.idle())
    }
    expect(lost.map(({ posted, error }) => [posted.card.text, error])).toEqual([['one', never]])
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['over'])
    await clock.pass(pace.channelMs)
    expect(courier.kept).toBe(0)
  })

  it('the last state for good loses it, forgets it, and does not try it after a restart', async () => {
    const { courier, clock, platform, lost, restart } = openDesk()
    platform.fault = () => ({ throws: never })
    const late = cardAt('a', 'done', 'over', { doneAt: after(90_000) })
    courier.put(late)
    await clock.until(courier.idle())
    await clock.pass(pace.channelMs)
    expect(lost).toHaveLength(1)
    expect(courier.kept).toBe(0)
    restart().resume([late])
    await clock.pass(60_000)
    expect(platform.calls).toHaveLength(1)
  })

  it('because of a bug is tried three times with one state, and again with the next', async () => {
    const { courier, clock, platform, lost, bugs } = openDesk()
    platform.fault = ({ posted }) =>
      posted.state === 'working' ? { throws: new TypeError('no title') } : undefined
    courier.put(cardAt('a', 'working', 'one'))
    await clock.until(courier.idle())
    expect(platform.calls).toHaveLength(3)
    expect(bugs).toHaveLength(3)
    expect(lost).toHaveLength(1)
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['over'])
  })
})

describe('a message that is gone', () => {
  const removed = (desk: ReturnType<typeof openDesk>) => {
    for (const message of desk.platform.messages) message.deleted = true
    const { show } = desk.platform.outlet
    Object.assign(desk.platform.outlet, {
      async show(posted: Posted, where: { message?: string } | undefined) {
        const message = desk.platform.messages.find(({ id }) => id === where?.message)
        if (message?.deleted === true) throw gone
        return await show(posted, where as never)
      },
    })
  }

  it('is not posted anew to show work, but to say how it ended', async () => {
    const desk = openDesk()
    const { courier, clock, platform, lost } = desk
    courier.put(cardAt('a', 'working', 'one'))
    await clock.until(courier.idle())
    removed(desk)
    for (const text of ['two', 'three']) {
      courier.put(cardAt('a', 'working', text))
      await clock.until(courier.idle())
      await clock.pass(2_000)
    }
    expect(platform.messages).toHaveLength(1)
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[1]?.states)).toEqual(['over'])
    expect(courier.where('a')?.message).toBe('m1')
    expect(lost).toEqual([])
  })

  it.each([
    ['asks', cardAt('a', 'asking', 'sure?')],
    [
      'nobody asked for',
      cardAt('a', 'working', 'two', { caller: { ...cardAt('', 'done', '').caller, id: 'homelab:watch' } }),
    ],
  ])('is posted anew at once for a card that %s', async (_, next) => {
    const desk = openDesk()
    const { courier, clock, platform } = desk
    courier.put({ ...next, state: 'working', card: { ...next.card, text: 'one' } })
    await clock.until(courier.idle())
    removed(desk)
    courier.put(next)
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[1]?.states)).toEqual([next.card.text])
  })

  it('together with its channel is given up after one more attempt', async () => {
    const { courier, clock, platform, lost } = openDesk()
    courier.put(cardAt('a', 'working', 'one'))
    await clock.until(courier.idle())
    platform.fault = () => ({ throws: gone })
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    expect(lost.map(({ posted }) => posted.card.text)).toEqual(['over'])
    expect(platform.calls).toHaveLength(3)
    await clock.pass(pace.channelMs)
    expect(courier.kept).toBe(0)
  })
})
