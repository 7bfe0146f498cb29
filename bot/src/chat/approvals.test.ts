/** Changes that wait for another yes: who may say it, what a restart keeps, what a changed state refuses. */
import type { Caller } from '@homelab/core'
import { expect, it, onTestFinished } from 'vitest'
import { approvalFile, button, cardFile, decisions, operator, setUp } from './number-lab.fixture.ts'

const hour = 3_600_000
const second = { by: ['second-person'], expiresMs: hour } as const
const ann: Caller = { ...operator, id: 'discord:100000000000000001', person: 'ann' }
const annInSlack: Caller = { ...ann, id: 'slack:U0000001' }
const ben: Caller = { ...operator, id: 'discord:100000000000000002', name: 'Ben', person: 'ben' }
const kid: Caller = { ...ben, id: 'discord:100000000000000003', name: 'Kid', person: 'kid', role: 'viewer' }

async function waiting(options: Parameters<typeof setUp>[0]) {
  const lab = await setUp(options)
  onTestFinished(lab.desk.stop)
  const { id } = lab.desk.submit({
    text: 'add 3',
    caller: ann,
    place: { surface: 'discord', channel: 'c' },
    key: 'discord:m1',
  })
  const waits = Promise.withResolvers<void>()
  const stop = lab.desk.board.subscribe('discord', ({ card }) => {
    if (card.title.endsWith('waits for approval')) waits.resolve()
  })
  await waits.promise
  stop()
  const posted = lab.desk.board.get(id)
  if (posted === undefined) throw new Error('no card')
  return { ...lab, posted }
}

it('does a change after the yes of somebody else who may do it, and not after one’s own', async () => {
  const { desk, world, audit, told, posted } = await waiting({ rule: second })
  const approve = button(posted, 'approve')
  expect(told).toMatchObject([{ state: 'live', card: { title: 'Add 3: waits for approval' } }])
  const somebodyHere: Caller = { ...operator, role: 'admin' }
  for (const caller of [ann, annInSlack, kid, somebodyHere])
    expect(() => desk.press(posted.id, approve, caller, 'p')).toThrow()
  expect(world.changes).toBe(0)

  desk.press(posted.id, approve, ben, 'p')

  expect(await desk.settled(posted.id)).toMatchObject({ output: { number: 3 } })
  expect(world.changes).toBe(1)
  const denied = Array.from({ length: 4 }, () => 'denied')
  expect(decisions(audit)).toEqual(['waiting', ...denied, 'approved', 'started', 'succeeded'])
  expect(audit.at(-2)).toMatchObject({ caller: { id: ann.id }, approval: `Ben (${ben.id})` })
  expect(told.at(-1)).toMatchObject({ state: 'done', card: { title: 'Add 3: approved by Ben' } })
  expect(() => desk.press(posted.id, approve, ben, 'p')).toThrow('Nothing waits for an approval')
})

it('takes the same person’s yes from the other platform, and from nobody else', async () => {
  const { desk, posted, world } = await waiting({ rule: { by: ['other-platform'], expiresMs: hour } })
  const approve = button(posted, 'approve')
  for (const caller of [ann, ben])
    expect(() => desk.press(posted.id, approve, caller, 'p')).toThrow(/waits for/)
  desk.press(posted.id, approve, annInSlack, 'p')
  expect(await desk.settled(posted.id)).toMatchObject({ output: { number: 3 } })
  expect(world.changes).toBe(1)
})

it('begins by itself when its delay is over, unless it is called off', async () => {
  const rule = { by: ['delay'], delayMs: 20, expiresMs: hour } as const
  const first = await waiting({ rule })
  expect(first.posted.card.buttons?.map(({ label }) => label)).toEqual(['Call it off'])
  expect(await first.desk.settled(first.posted.id)).toMatchObject({ output: { number: 3 } })

  const { desk, posted, world, audit } = await waiting({ rule: { ...rule, delayMs: hour } })
  desk.press(posted.id, button(posted, 'reject'), ann, 'p')
  expect(await desk.settled(posted.id)).toMatchObject({
    error: 'cancelled',
    card: { text: 'Ann called it off.' },
  })
  expect(world.changes).toBe(0)
  expect(decisions(audit)).toEqual(['waiting', 'rejected'])
})

it('does nothing when nobody says yes in time', async () => {
  const { desk, posted, world, audit, told } = await waiting({ rule: { ...second, expiresMs: 20 } })
  expect(await desk.settled(posted.id)).toMatchObject({ error: 'cancelled' })
  expect(world.changes).toBe(0)
  expect(decisions(audit)).toEqual(['waiting', 'expired'])
  expect(told.at(-1)).toMatchObject({ state: 'done' })
})

it('refuses a yes to a state that is not so any more', async () => {
  const { desk, posted, world, audit } = await waiting({ rule: second })
  world.number = 9
  desk.press(posted.id, button(posted, 'approve'), ben, 'p')
  expect(await desk.settled(posted.id)).toMatchObject({ error: 'conflict' })
  expect(world).toEqual({ number: 9, changes: 0 })
  expect(decisions(audit)).toEqual(['waiting', 'approved', 'refused'])
})

it('refuses what the asker may not do any more', async () => {
  const roles = new Map<string, 'nobody'>()
  const { desk, posted, world } = await waiting({ rule: second, roles })
  roles.set(ann.id, 'nobody')
  desk.press(posted.id, button(posted, 'approve'), ben, 'p')
  expect(await desk.settled(posted.id)).toMatchObject({ error: 'denied' })
  expect(world.changes).toBe(0)
})

it('goes on waiting after a restart of the bot', async () => {
  const { store, rows } = approvalFile()
  const cards = cardFile()
  const { desk: before, posted } = await waiting({ rule: second, approvals: store, store: cards })
  await before.stored()
  before.stop()

  const { desk, world } = await setUp({ rule: second, approvals: store, store: cards })
  onTestFinished(desk.stop)
  await desk.resume()
  expect(desk.board.get(posted.id)).toEqual(posted)
  desk.press(posted.id, button(posted, 'approve'), ben, 'p')

  expect(await desk.settled(posted.id)).toMatchObject({ output: { number: 3 } })
  expect(world.changes).toBe(1)
  await desk.stored()
  expect(rows.size).toBe(0)
})

it('does what was approved just before a crash, once', async () => {
  const { store, rows } = approvalFile()
  const { desk: before, posted } = await waiting({ rule: second, approvals: store })
  before.stop()
  const [row = ''] = rows.values()
  const pending = JSON.parse(row)
  await store.save({ ...pending, approved: 'Ben (discord:2)' })

  const cards = { load: async () => [posted], save: async () => {} }
  const { desk, world } = await setUp({ rule: second, approvals: store, store: cards })
  await desk.resume()

  expect(await desk.settled(posted.id)).toMatchObject({ output: { number: 3 } })
  expect(world.changes).toBe(1)
  await expect.poll(() => rows.size).toBe(0)
})

it('begins nothing by itself that it cannot write down, and does not try without a pause', async () => {
  let saves = 0
  const store = { ...approvalFile().store }
  const full = {
    ...store,
    save: async (pending: Parameters<typeof store.save>[0]) => {
      saves += 1
      if (pending.approved !== undefined) throw new Error('the disk is full')
      await store.save(pending)
    },
  }
  const rule = { by: ['delay'], delayMs: 20, expiresMs: hour } as const
  const { bugs, world, posted, desk } = await waiting({ rule, approvals: full })
  await expect.poll(() => bugs.length).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(bugs).toHaveLength(1)
  expect(saves).toBeLessThan(5)
  expect(world.changes).toBe(0)
  expect(desk.board.get(posted.id)?.state).toBe('working')
  expect((await store.load()).map(({ approved }) => approved)).toEqual([undefined])
})

it('refuses at once what nobody could approve, since nobody knows whose it is', async () => {
  const { desk, world, type } = await setUp({ rule: second })
  onTestFinished(desk.stop)
  expect(await type('add 3')).toMatchObject({ state: 'done', error: 'denied' })
  expect(world.changes).toBe(0)
})

it('has those who were refused an answer in the audit log', async () => {
  const { desk, audit, posted } = await waiting({ rule: second })
  expect(() => desk.press(posted.id, button(posted, 'approve'), kid, 'p')).toThrow()
  await expect
    .poll(() => audit.at(-1))
    .toMatchObject({
      caller: { id: kid.id },
      operation: 'desk.approve',
      decision: 'denied',
    })
})
