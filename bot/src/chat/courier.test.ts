import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openStore } from '../store/index.ts'
import { cardAt, openDesk, pace, start } from './courier.fixture.ts'
import { DeliveryError } from './courier.ts'
import type { Posted } from './types.ts'

const texts = (states: readonly Posted[] | undefined) => states?.map(({ card }) => card.text)
const again = new DeliveryError('again', 'HTTP 500')
const gone = new DeliveryError('gone', 'unknown message')
const never = new DeliveryError('never', 'invalid_blocks')
const after = (ms: number) => new Date(start + ms).toISOString()

describe('the states of a card', () => {
  it('are shown newest first of all, in one message, and forgotten', async () => {
    const { courier, clock, platform, messages } = openDesk()
    courier.put(cardAt('a', 'working', 'one'))
    courier.put(cardAt('a', 'working', 'two'))
    courier.put(cardAt('a', 'working', 'three'))
    await clock.pass(60)
    courier.put(cardAt('a', 'working', 'four'))
    courier.put(cardAt('a', 'done', 'five'))
    await clock.until(courier.idle())
    expect(platform.messages).toHaveLength(1)
    expect(texts(platform.messages[0]?.states)).toEqual(['one', 'five'])
    expect(messages.cardOf('slack', 'm0')).toBe('a')
    expect(courier.where('a')).toEqual({ message: 'm0' })
    await clock.pass(pace.channelMs)
    expect(courier.kept).toBe(0)
  })

  it('keep the pace of their card while it works, and not at its end or when it asks', async () => {
    const { courier, clock, platform } = openDesk()
    for (let step = 0; step < 39; step++) {
      courier.put(cardAt('a', 'working', `${step}`))
      await clock.pass(100)
    }
    const times = platform.calls.map(({ at }) => at)
    expect(times).toEqual([0, 1_000, 2_000, 3_000])
    await clock.pass(100)
    courier.put(cardAt('a', 'asking', 'sure?'))
    await clock.pass(pace.channelMs)
    courier.put(cardAt('a', 'done', 'it is'))
    await clock.until(courier.idle())
    expect(platform.calls.map(({ at }) => at).slice(4)).toEqual([4_000, 4_100, 4_200])
  })

  it('that are final or ask go before the progress of others, and those that are new before what is known', async () => {
    const { courier, clock, platform } = openDesk()
    for (const id of ['a', 'b', 'c']) courier.put(cardAt(id, 'working', 'begun'))
    await clock.pass(1_500)
    platform.calls.length = 0
    courier.pause()
    courier.put(cardAt('a', 'working', 'more'))
    courier.put(cardAt('new', 'working', 'begun'))
    courier.put(cardAt('b', 'asking', 'sure?'))
    courier.put(cardAt('c', 'done', 'over'))
    courier.unpause()
    await clock.until(courier.idle())
    expect(platform.calls.map(({ posted }) => posted.id)).toEqual(['b', 'c', 'new', 'a'])
  })

  it('are never sent two at once, and after a slow call comes the newest', async () => {
    const { courier, clock, platform } = openDesk()
    let slow = clock.sleep(10_000)
    const { show } = platform.outlet
    const waiting: string[] = []
    Object.assign(platform.outlet, {
      async show(posted: Posted, where: undefined) {
        waiting.push(posted.card.text ?? '')
        await slow
        slow = Promise.resolve()
        return await show(posted, where)
      },
    })
    for (const text of ['one', 'two', 'three']) {
      courier.put(cardAt('a', 'working', text))
      await clock.pass(3_000)
    }
    expect(waiting).toEqual(['one'])
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['one', 'three'])
  })

  it('that are the same as what is shown are not sent', async () => {
    const { courier, clock, platform } = openDesk()
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    expect(platform.calls).toHaveLength(1)
    courier.put(cardAt('a', 'done', 'corrected'))
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['over', 'corrected'])
  })

  it('go into the place that was made for the card', async () => {
    const { courier, clock, platform } = openDesk()
    const seen: unknown[] = []
    const { show } = platform.outlet
    Object.assign(platform.outlet, {
      show(posted: Posted, where: undefined) {
        seen.push(where)
        return show(posted, where)
      },
    })
    platform.add('a', 'ops')
    await courier.placed('a', { message: 'm0', token: 't' })
    courier.put(cardAt('a', 'done', 'over'))
    await clock.until(courier.idle())
    expect(seen).toEqual([{ message: 'm0', token: 't' }])
    expect(platform.messages).toHaveLength(1)
  })
})

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

describe('after a restart', () => {
  it('a card that was shown and not noted is found again, and shown once', async () => {
    const { courier, clock, platform, restart } = openDesk()
    const over = cardAt('a', 'done', 'over')
    platform.fault = () => 'hang'
    courier.put(over)
    await clock.pass(100)
    expect(platform.messages).toHaveLength(1)
    platform.fault = () => undefined
    const next = restart()
    next.resume([over])
    await clock.until(next.idle())
    expect(platform.messages).toHaveLength(1)
    expect(next.where('a')).toEqual({ message: 'm0' })
    next.resume([over])
    await clock.until(next.idle())
    expect(platform.calls).toHaveLength(2)
  })

  it('shows what was not shown, and nothing older than what was', async () => {
    const { courier, clock, platform, restart } = openDesk()
    courier.put(cardAt('a', 'working', '1 %'))
    courier.put(cardAt('b', 'working', 'begun'))
    courier.put(cardAt('c', 'asking', 'sure?'))
    courier.put(cardAt('d', 'done', 'over'))
    await clock.until(courier.idle())
    await clock.pass(2_000)
    courier.put(cardAt('a', 'working', '80 %'))
    await clock.until(courier.idle())
    const before = platform.calls.length
    const next = restart()
    // As the desk keeps them: of a card at work only how it began.
    next.resume([
      cardAt('a', 'working', '1 %'),
      cardAt('b', 'done', 'over'),
      cardAt('c', 'working', 'confirmed'),
      cardAt('d', 'done', 'over'),
      cardAt('e', 'working', 'acknowledged'),
    ])
    await clock.until(next.idle())
    expect(texts(platform.calls.slice(before).map(({ posted }) => posted))).toEqual([
      'over',
      'acknowledged',
      'confirmed',
    ])
    expect(texts(platform.of('a')[0]?.states)?.at(-1)).toBe('80 %')
    next.put(cardAt('a', 'done', 'over'))
    await clock.until(next.idle())
    expect(texts(platform.of('a')[0]?.states)?.at(-1)).toBe('over')
    expect(platform.of('a')).toHaveLength(1)
  })

  it('finds the message in the store on the disk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'courier-'))
    try {
      const first = await openStore(join(folder, 'desk.db'))
      const desk = openDesk({ messages: first.messages })
      desk.courier.put(cardAt('a', 'working', 'one'))
      await desk.clock.until(desk.courier.idle())
      await desk.courier.close()
      await first.close()
      const second = await openStore(join(folder, 'desk.db'))
      const { outlet } = desk.platform
      const next = openDesk({ messages: second.messages, outlet, clock: desk.clock })
      expect(next.courier.where('a')).toEqual({ message: 'm0' })
      expect(second.messages.cardOf('slack', 'm0')).toBe('a')
      await desk.clock.pass(pace.channelMs)
      next.courier.resume([cardAt('a', 'done', 'over')])
      await desk.clock.until(next.courier.idle())
      await second.close()
      expect(texts(desk.platform.of('a')[0]?.states)).toEqual(['one', 'over'])
      expect(desk.platform.messages).toHaveLength(1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('pausing and closing', () => {
  it('sends nothing while paused, and what is newest afterwards', async () => {
    const { courier, clock, platform } = openDesk()
    courier.pause()
    courier.put(cardAt('a', 'working', 'one'))
    await clock.pass(60_000)
    courier.put(cardAt('a', 'done', 'two'))
    await clock.pass(60_000)
    expect(platform.calls).toEqual([])
    courier.unpause()
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['two'])
  })

  it('waits for what is on its way, stores where it is, and begins nothing', async () => {
    const { courier, clock, platform, messages } = openDesk()
    courier.put(cardAt('a', 'done', 'over'))
    courier.put(cardAt('b', 'done', 'over'))
    await clock.pass(10)
    const closed = courier.close()
    courier.put(cardAt('c', 'done', 'over'))
    courier.unpause()
    await clock.until(closed)
    expect(messages.get('a')).toMatchObject({ message: 'm0', state: 'done' })
    await clock.pass(60_000)
    expect(platform.calls.map(({ posted }) => posted.id)).toEqual(['a'])
  })

  it('does not wait for ever for a platform that does not answer', async () => {
    const { courier, clock, platform } = openDesk()
    platform.fault = () => 'hang'
    courier.put(cardAt('a', 'done', 'over'))
    await clock.pass(10)
    await clock.until(courier.close(), 5_001)
  })
})
