import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { cardAt, type Fault, openDesk, pace, start } from './courier.fixture.ts'
import { DeliveryError } from './courier.ts'
import type { Posted } from './types.ts'

/** mulberry32: the same seed makes the same day. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const troubles: readonly Fault[] = [
  { throws: new DeliveryError('again', 'HTTP 502') },
  { throws: new DeliveryError('again', 'no answer'), late: true },
  { throws: new DeliveryError('wait', '429', { retryAfterMs: 3_000 }) },
]

/** States of one card, each with its number as text. */
function statesOf(id: string, channel: string, chance: () => number): Posted[] {
  const count = 1 + Math.floor(chance() * 6)
  return Array.from({ length: count }, (_, index) => {
    const state = index === count - 1 ? 'done' : chance() < 0.1 ? 'asking' : 'working'
    return cardAt(id, state, `${index}`, {
      place: { surface: 'slack', channel },
      ...(chance() < 0.3 ? { run: id } : {}),
      ...(state === 'done' ? { doneAt: new Date(start + chance() * 80_000).toISOString() } : {}),
    })
  })
}

describe('ten thousand cards', () => {
  it('all end as they ended, never go back, never come too fast, and leave nothing behind', async () => {
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
    const chance = random(seed)
    const desk = openDesk()
    const { clock, platform, lost, bugs, restart } = desk
    let troubled = true
    platform.fault = () =>
      troubled && chance() < 0.1 ? troubles[Math.floor(chance() * troubles.length)] : undefined

    const going = Array.from({ length: 10_000 }, (_, index) =>
      statesOf(`card${index}`, `channel${Math.floor(chance() * 50)}`, chance),
    )
    const last = going.map((states) => states.at(-1)).filter((posted) => posted !== undefined)
    const newest = new Map<string, Posted>()
    let restarts = 0
    while (going.length > 0) {
      for (let put = 0; put < 40 && going.length > 0; put++) {
        const at = Math.floor(chance() * going.length)
        const posted = going[at]?.shift()
        if (posted !== undefined) {
          newest.set(posted.id, posted)
          desk.courier.put(posted)
        } else {
          going[at] = going.at(-1) ?? []
          going.pop()
        }
      }
      await clock.pass(100)
      if (chance() < 0.01) {
        restarts += 1
        const next = restart()
        await clock.pass(1_000)
        next.resume([...newest.values()])
      }
    }
    troubled = false
    await clock.until(desk.courier.idle())

    const facts = `seed ${seed}, ${restarts} restarts`
    const wrong = last.flatMap((posted) => {
      const [message, second] = platform.of(posted.id)
      const order = message?.states.map(({ card }) => Number(card.text)) ?? []
      if (second !== undefined) return [`${posted.id} was posted twice`]
      if (message?.states.at(-1) !== posted) return [`${posted.id} does not end as it ended: ${order}`]
      return order.every((state, at) => state >= (order[at - 1] ?? 0))
        ? []
        : [`${posted.id} went back: ${order}`]
    })
    expect(wrong, facts).toEqual([])
    expect(platform.offences, facts).toEqual([])
    expect(lost, facts).toEqual([])
    expect(bugs, facts).toEqual([])
    await clock.pass(pace.channelMs)
    expect(desk.courier.kept, facts).toBe(0)
  }, 60_000)
})
