/** What the adapter remembers, and what it makes of a token. */
import { type Clock, type Json, Secret } from '@homelab/core'
import { expect, it } from 'vitest'
import { identifyBudget } from './budget.ts'
import { applicationOf, inviteUrl } from './invite.ts'
import { logMessages } from './log.ts'
import { sessionStore } from './session.ts'

function facts() {
  const kept = new Map<string, Json>()
  return {
    get: (name: string) => kept.get(name),
    set: async (name: string, value: Json) => void kept.set(name, value),
  }
}

function clockAt(start: string) {
  let now = Date.parse(start)
  const clock: Clock = {
    now: () => new Date(now),
    monotonic: () => now,
    sleep: async () => {},
  }
  return { clock, ahead: (ms: number) => (now += ms) }
}

it('logs in at most five times an hour and fifty a day, but for connections that held', async () => {
  const { clock, ahead } = clockAt('2026-11-25T00:00:00Z')
  const store = facts()
  const budget = () => identifyBudget(store, clock)
  for (let login = 0; login < 5; login++) {
    expect(budget().waitMs()).toBe(0)
    await budget().spend()
    expect(budget().waitMs()).toBeGreaterThanOrEqual(5_000)
    ahead(5_000)
  }
  // A restart of the bot does not forget them.
  expect(budget().waitMs()).toBe(3_600_000 - 25_000)
  budget().held(300_000)
  expect(budget().waitMs()).toBe(0)
  await budget().spend()
  for (let login = 5; login < 50; login++) {
    ahead(budget().waitMs())
    await budget().spend()
  }
  expect(clock.now().toISOString()).toBe('2026-11-25T09:00:25.000Z')
  expect(budget().waitMs()).toBeGreaterThan(14 * 3_600_000)
})

it('keeps the session for the same bot at the same address alone', async () => {
  const store = facts()
  const session = {
    sessionId: 's',
    sequence: 1,
    resumeURL: 'ws://x',
    shardId: 0,
    shardCount: 1,
    user: '1',
    of: 'app@api',
    at: '2026-11-25T00:00:00Z',
  }
  const first = sessionStore(store, 'app@api', () => undefined)
  first.update(session)
  await first.flush()
  first.update({ ...session, sequence: 2 })
  expect([first.now?.sequence, first.safe?.sequence]).toEqual([2, 1])
  await first.flush()
  expect(sessionStore(store, 'app@api', () => undefined).now).toEqual({ ...session, sequence: 2 })
  expect(sessionStore(store, 'other@api', () => undefined).now).toBeUndefined()
  first.forget()
  await first.flush()
  expect(sessionStore(store, 'app@api', () => undefined).now).toBeUndefined()
})

it('keeps at once whose session it is, which comes after the session itself', async () => {
  const store = facts()
  const session = { sessionId: 's', sequence: 1, resumeURL: 'ws://x', shardId: 0, shardCount: 1 }
  const about = { of: 'app@api', at: '2026-11-25T00:00:00Z' }
  const first = sessionStore(store, 'app@api', () => undefined)
  first.update({ ...session, ...about, user: '' })
  first.update({ ...session, ...about, user: '1' })
  await new Promise((resolve) => setImmediate(resolve))
  // Killed here, long before the next time at which it would be saved anyway.
  expect(sessionStore(store, 'app@api', () => undefined).now?.user).toBe('1')
})

const about = {
  resumeURL: 'ws://x',
  shardId: 0,
  shardCount: 1,
  user: '1',
  of: 'app@api',
  at: '2026-11-25T00:00:00Z',
}

it('counts nothing as read that is not stored yet', async () => {
  const store = facts()
  const sessions = sessionStore(store, 'app@api', () => undefined)
  const read = (sequence: number) => sessions.update({ ...about, sessionId: 's', sequence })
  const kept = () => sessionStore(store, 'app@api', () => undefined).now?.sequence
  read(1)
  read(2)
  const second = sessions.hold(2)
  read(3)
  const third = sessions.hold(3)
  read(4)
  await sessions.flush()
  expect([kept(), sessions.safe?.sequence]).toEqual([1, 1])
  second()
  await sessions.flush()
  expect([kept(), sessions.safe?.sequence]).toEqual([2, 2])
  third()
  third()
  await sessions.flush()
  expect([kept(), sessions.safe?.sequence]).toEqual([4, 4])
  // What an earlier session still holds is none of the next one's.
  sessions.hold(4)
  sessions.forget()
  sessions.update({ ...about, sessionId: 't', sequence: 1 })
  sessions.update({ ...about, sessionId: 't', sequence: 6 })
  expect(sessions.safe).toMatchObject({ sessionId: 't', sequence: 1 })
  await sessions.flush()
  expect([kept(), sessions.safe?.sequence]).toEqual([6, 6])
})

it('confirms nothing that the disk did not take', async () => {
  const store = facts()
  let full = false
  const errors: unknown[] = []
  const set = async (name: string, value: Json) => {
    if (full) throw new Error('no space left on device')
    await store.set(name, value)
  }
  const sessions = sessionStore({ get: store.get, set }, 'app@api', (error) => errors.push(error))
  sessions.update({ ...about, sessionId: 's', sequence: 1 })
  await sessions.flush()
  full = true
  sessions.update({ ...about, sessionId: 's', sequence: 2 })
  await sessions.flush()
  expect([sessions.now?.sequence, sessions.safe?.sequence, errors.length]).toEqual([2, 1, 1])
  full = false
  sessions.update({ ...about, sessionId: 's', sequence: 3 })
  await sessions.flush()
  expect(sessions.safe?.sequence).toBe(3)
})

it('reads the application out of a token, and asks for no more than it needs', () => {
  const token = new Secret(`${Buffer.from('1174109840998400001').toString('base64url')}.Gabcde.secret`)
  expect(applicationOf(token)).toBe('1174109840998400001')
  const url = new URL(inviteUrl(token))
  expect([inviteUrl(token.reveal()), inviteUrl('1174109840998400001')]).toEqual([url.href, url.href])
  expect(url.origin + url.pathname).toBe('https://discord.com/oauth2/authorize')
  expect(url.search).toContain('scope=bot+applications.commands')
  expect(url.searchParams.get('client_id')).toBe('1174109840998400001')
  // View Channel, Send Messages, … in Threads, Create Public Threads, Embed Links, Attach Files, Read Message History.
  expect(BigInt(url.searchParams.get('permissions') ?? '')).toBe(
    (1n << 10n) | (1n << 11n) | (1n << 14n) | (1n << 15n) | (1n << 16n) | (1n << 35n) | (1n << 38n),
  )
  for (const wrong of ['', 'xoxb-1-2', 'abc', 'a.b.c']) {
    expect(applicationOf(new Secret(wrong))).toBeUndefined()
    expect(() => inviteUrl(wrong)).toThrow('neither the token')
  }
})

it('puts a few lines of a log in code blocks, and many in a file', () => {
  expect(logMessages(['one', 'two'], 0)).toEqual([{ content: '```\none\ntwo\n```' }])
  const some = logMessages(
    Array.from({ length: 80 }, (_, i) => `${i} ${'x'.repeat(50)}`),
    10,
  )
  expect(some).toHaveLength(3)
  for (const { content } of some) expect(content?.length).toBeLessThanOrEqual(2_000)
  const [many, ...more] = logMessages(
    Array.from({ length: 300 }, () => 'y'.repeat(90)),
    10,
  )
  expect(more).toEqual([])
  expect(many).toMatchObject({ content: 'Lines 11 to 310', file: { name: 'log-11-310.txt' } })
  expect(logMessages(['', ' '], 0)).toEqual([])
})
