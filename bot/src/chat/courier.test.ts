import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openStore } from '../store/index.ts'
import { cardAt, openDesk, pace } from './courier.fixture.ts'
import type { Posted } from './types.ts'

const texts = (states: readonly Posted[] | undefined) => states?.map(({ card }) => card.text)

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

  it('that became something else and then again what is on its way are sent once', async () => {
    const { courier, clock, platform } = openDesk()
    courier.put(cardAt('a', 'working', 'one'))
    await clock.pass(10)
    courier.put(cardAt('a', 'working', 'two'))
    courier.put(cardAt('a', 'working', 'one'))
    await clock.until(courier.idle())
    expect(texts(platform.of('a')[0]?.states)).toEqual(['one'])
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

describe('an incident that came and went while the platform was away', () => {
  const told = {
    caller: { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' },
    log: 'incident/k7f3',
  } as const

  it('is told with the others, and what is still so by itself', async () => {
    const late: string[] = []
    const desk = openDesk({ onLate: ({ id }) => late.push(id) })
    desk.courier.pause()
    for (const id of ['a', 'b']) desk.courier.put(cardAt(id, 'working', 'down', told))
    desk.courier.put(cardAt('c', 'working', 'down', told))
    await desk.clock.pass(3_600_000)
    for (const id of ['a', 'b']) desk.courier.put(cardAt(id, 'done', 'over', told))
    desk.courier.unpause()
    await desk.clock.pass(10_000)
    expect(late).toEqual(['a', 'b'])
    expect(desk.platform.messages.map(({ card }) => card)).toEqual(['c'])
    // A restart does not tell of it again.
    desk.restart().resume([cardAt('a', 'done', 'over', told)])
    await desk.clock.pass(10_000)
    expect(desk.platform.messages.map(({ card }) => card)).toEqual(['c'])
  })

  it('is shown by itself when it may be there already', async () => {
    const late: string[] = []
    const desk = openDesk({ onLate: ({ id }) => late.push(id) })
    desk.courier.put(cardAt('a', 'working', 'down', told))
    await desk.clock.pass(3_600_000)
    desk.courier.put(cardAt('a', 'done', 'over', told))
    await desk.clock.pass(10_000)
    expect(late).toEqual([])
    expect(desk.platform.messages.map(({ card, states }) => [card, states.at(-1)?.state])).toEqual([
      ['a', 'done'],
    ])
  })
})
