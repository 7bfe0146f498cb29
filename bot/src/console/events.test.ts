import { HomelabError } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import { readEvents, type ServerEvent } from '../api/sse.ts'
import { caller, glance, startConsole } from './console.fixture.ts'
import { createGlanceFeed } from './feed.ts'

async function until(response: Response, enough: (event: ServerEvent) => boolean): Promise<ServerEvent[]> {
  const all: ServerEvent[] = []
  for await (const event of readEvents(response.body ?? new ReadableStream())) {
    all.push(event)
    if (enough(event)) return all
  }
  throw new Error(`the stream ended after ${all.length} events`)
}

const place = { surface: 'console', channel: 'desk' }

describe('the events of the desk', () => {
  it('tell what was missed, then each change of a card, drawn', async () => {
    const { desk, open, get } = startConsole()
    await open()
    desk.submit({ text: 'status', key: 'key-0001', caller, place })
    await desk.settled('key-0001')
    const response = await get('/console/events')
    desk.submit({ text: 'restart plex', key: 'key-0002', caller, place })
    const events = await until(response, ({ data }) => data.includes('plex is back'))
    const cards = events.filter(({ event }) => event === 'card').map(({ data }) => JSON.parse(data))
    expect(cards.at(-1)).toMatchObject({
      id: 'card-key-0002',
      state: 'done',
      said: 'restart plex: plex is back',
      html: expect.stringMatching(/^<article class="card tone-ok" id="card-key-0002"/),
    })
    expect(cards[0].id).toBe('card-key-0001')
    expect(events.some(({ data }) => data.includes('role=\\"progressbar\\"'))).toBe(true)
  })

  it('hand a page from before a restart its new proof', async () => {
    const before = startConsole()
    await before.open()
    const after = startConsole()
    const events = await until(await after.get('/console/events'), ({ event }) => event === 'hello')
    const { csrf } = JSON.parse(events.at(-1)?.data ?? '{}')
    const taken = await after.post('/console/commands', { text: 'status', csrf })
    expect(taken.status).toBe(303)
    expect(after.desk.taken).toHaveLength(1)
  })

  it('bring the lab', async () => {
    const { open, get } = startConsole()
    await open()
    const events = await until(await get('/console/events'), ({ event }) => event === 'glance')
    expect(JSON.parse(events.at(-1)?.data ?? '{}')).toMatchObject({
      html: expect.stringContaining('RAID degraded'),
      line: expect.stringContaining('immich: connection refused'),
    })
  })

  it('follow a run on its page', async () => {
    const { open, get } = startConsole()
    await open()
    const events = await until(await get('/runs/run-1/events'), ({ event }) => event === 'part')
    expect(JSON.parse(events.at(-1)?.data ?? '{}')).toMatchObject({
      id: 'run',
      html: expect.stringContaining('reboot sent'),
    })
  })
})

describe('the look at the lab', () => {
  it('is taken again and again while somebody watches, once for all, and not for nobody', async () => {
    let looks = 0
    let third = () => {}
    const thrice = new Promise<void>((resolve) => {
      third = resolve
    })
    const feed = createGlanceFeed(async () => {
      looks++
      if (looks === 3) third()
      return glance
    }, 20)
    const stops = [feed.watch(() => {}), feed.watch(() => {})]
    await thrice
    for (const stop of stops) stop()
    const after = looks
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(looks).toBe(after)
    expect(after).toBe(3)
  })

  it('comes sooner after a change', async () => {
    let looks = 0
    const { promise, resolve } = Promise.withResolvers<void>()
    const feed = createGlanceFeed(async () => {
      if (++looks === 2) resolve()
      return glance
    }, 3_600_000)
    await feed.fresh(1_000)
    const stop = feed.watch(() => {})
    feed.nudge()
    await promise
    stop()
    expect(looks).toBe(2)
  })

  it('keeps what it saw when the lab goes away, and says why', async () => {
    let away = false
    const feed = createGlanceFeed(async () => {
      if (away) throw new HomelabError('unreachable', 'pve does not answer', { hint: 'Is it on?' })
      return glance
    }, 0)
    await feed.fresh(1_000)
    away = true
    expect(await feed.fresh(1_000)).toEqual({
      glance,
      problem: { message: 'pve does not answer', hint: 'Is it on?' },
    })
  })

  it('lets a page wait only so long', async () => {
    const feed = createGlanceFeed(() => new Promise(() => {}))
    expect(await feed.fresh(20)).toEqual({})
  })
})
