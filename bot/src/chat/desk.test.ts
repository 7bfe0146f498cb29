/** The way of a command through the desk: rights, questions, the same message twice, what a restart finds. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Caller, HomelabError } from '@homelab/core'
import { expect, it } from 'vitest'
import type { CardStore } from './board.ts'
import { button, cardFile, decisions, operator, place, setUp, viewer } from './number-lab.fixture.ts'
import type { Posted } from './types.ts'

it('makes a change and says what came of it', async () => {
  const { world, type, audit } = await setUp()
  expect(await type('/homelab add 3')).toMatchObject({
    state: 'done',
    card: { title: 'now 3' },
    output: { number: 3 },
  })
  expect(world).toEqual({ number: 3, changes: 1 })
  expect(decisions(audit)).toEqual(['started', 'succeeded'])
})

it('takes the same message once, however often it comes', async () => {
  const { desk, world, type } = await setUp()
  const first = await type('add 3', { key: 'message-1' })
  expect(desk.submit({ text: 'add 3', caller: operator, place, key: 'message-1' })).toEqual(first)
  await type('show')
  expect(world).toEqual({ number: 3, changes: 1 })
})

it('lets nobody do what their role does not allow, and says who can change that', async () => {
  const { world, type, audit } = await setUp()
  const posted = await type('add 3', { caller: viewer })
  expect(posted).toMatchObject({
    error: 'denied',
    card: { text: '"add" needs the role operator; Kid is viewer.' },
  })
  expect(world.changes).toBe(0)
  expect(decisions(audit)).toEqual(['denied'])
  expect(await type('show', { caller: viewer, key: 'other' })).toMatchObject({ output: { number: 0 } })
})

it('offers in help and completion only what one may do', async () => {
  const { desk, type } = await setUp()
  expect(desk.complete('', viewer).map(({ value }) => value)).toEqual(['show'])
  expect(desk.complete('/homelab a', operator)).toMatchObject([{ line: '/homelab add ' }])
  expect(JSON.stringify((await type('', { caller: viewer })).card)).not.toContain('wipe')
  expect((await type('wipe --help', { caller: viewer })).error).toBe('denied')
  expect((await type('wipe --help', { key: 'mine' })).card.title).toBe('wipe')
})

it('asks before what is destructive, and does it on yes, once', async () => {
  const { desk, world, type, audit } = await setUp()
  world.number = 7
  const asked = await type('wipe')
  expect(asked).toMatchObject({ state: 'asking', card: { title: 'Wipe it?' } })
  expect(world.changes).toBe(0)
  desk.press(asked.id, button(asked, 'confirm'), operator, 'press-1')
  // A double tap is told nothing, and does nothing.
  desk.press(asked.id, button(asked, 'confirm'), operator, 'press-2')
  const eve: Caller = { ...operator, id: 'chat:eve', name: 'Eve' }
  expect(() => desk.press(asked.id, button(asked, 'confirm'), eve, 'press-3')).toThrow(/answered already/)
  expect(await desk.settled(asked.id)).toMatchObject({ output: { number: 0 } })
  expect(world).toEqual({ number: 0, changes: 1 })
  expect(decisions(audit)).toEqual(['asked', 'started', 'succeeded'])
})

it('lets nobody else answer', async () => {
  const { desk, world, type } = await setUp()
  const asked = await type('wipe')
  const other: Caller = { ...operator, id: 'chat:eve', name: 'Eve', role: 'admin' }
  expect(() => desk.press(asked.id, button(asked, 'confirm'), other, 'press')).toThrow(
    'Only Ann can answer this.',
  )
  expect(desk.board.get(asked.id)?.state).toBe('asking')
  expect(world.changes).toBe(0)
})

it('does nothing on no', async () => {
  const { desk, world, type, audit } = await setUp()
  const asked = await type('wipe')
  const posted = desk.press(asked.id, button(asked, 'decline'), operator, 'press')
  expect(posted).toMatchObject({ state: 'done', error: 'cancelled' })
  expect(world.changes).toBe(0)
  expect(decisions(audit)).toEqual(['asked', 'declined'])
})

it('refuses a yes to a state that is not so any more, and asks anew with the plan as it is now', async () => {
  const { desk, world, type, audit } = await setUp()
  const asked = await type('wipe')
  world.number = 8
  desk.press(asked.id, button(asked, 'confirm'), operator, 'press')
  const again = await desk.settled(asked.id, { asking: true })
  expect(again).toMatchObject({ state: 'asking' })
  expect(JSON.stringify(again.card)).toContain('Things changed after you were asked')
  expect(button(again, 'confirm')).not.toEqual(button(asked, 'confirm'))
  expect(world).toEqual({ number: 8, changes: 0 })
  expect(decisions(audit)).toEqual(['asked', 'refused', 'asked'])
  desk.press(asked.id, button(again, 'confirm'), operator, 'press')
  expect(await desk.settled(asked.id)).toMatchObject({ output: { number: 0 } })
  expect(world.changes).toBe(1)
})

it('lets a question expire', async () => {
  const { desk, world, type, audit } = await setUp({ confirmSeconds: 0.02 })
  const asked = await type('wipe')
  expect(await desk.settled(asked.id)).toMatchObject({
    error: 'cancelled',
    card: { text: 'Nobody confirmed within 0.02 s.' },
  })
  expect(() => desk.press(asked.id, button(asked, 'confirm'), operator, 'press')).toThrow(/expired/)
  expect(world.changes).toBe(0)
  expect(decisions(audit)).toEqual(['asked', 'expired'])
})

it('shows the plan of a dry run and changes nothing', async () => {
  const { world, type } = await setUp()
  expect(await type('wipe --dry-run')).toMatchObject({ state: 'done', card: { title: 'Dry run: Wipe it' } })
  expect(world.changes).toBe(0)
})

it('takes a forgotten card for what it is', async () => {
  const { desk } = await setUp()
  expect(() => desk.press('gone', { kind: 'command', text: 'show' }, operator, 'press')).toThrow(HomelabError)
})

it('after a restart begins what was acknowledged, and closes questions', async () => {
  const at = new Date().toISOString()
  const card = { title: 'x', tone: 'busy' as const }
  const kept: Posted[] = [
    { id: 'begun', place, caller: operator, command: 'add 2', at, card, state: 'working' },
    {
      id: 'old',
      place,
      caller: operator,
      command: 'add 5',
      at: '2020-01-01T00:00:00Z',
      card,
      state: 'working',
    },
    { id: 'asked', place, caller: operator, command: 'wipe', at, card, state: 'asking' },
  ]
  const store: CardStore = { save: async () => {}, load: async () => kept }
  const { desk, world } = await setUp({ store })
  await desk.resume()
  expect(await desk.settled('begun')).toMatchObject({ output: { number: 2 } })
  expect(desk.board.get('old')).toMatchObject({ state: 'done', error: 'cancelled' })
  expect(desk.board.get('asked')).toMatchObject({ state: 'done', error: 'cancelled' })
  expect(world).toEqual({ number: 2, changes: 1 })
})

it('stores each state that a restart needs before it says that it is stored', async () => {
  const saved: string[] = []
  const store: CardStore = {
    load: async () => [],
    save: async (posted) => {
      await delay(5)
      saved.push(posted.state)
    },
  }
  const { desk } = await setUp({ store })
  desk.submit({ text: 'add 1', caller: operator, place, key: 'k' })
  await desk.stored()
  expect(saved).toContain('working')
  await desk.settled('k')
  await desk.stored()
  expect(saved.at(-1)).toBe('done')
})

it('remembers what was typed, each once, newest first', async () => {
  const { desk, type } = await setUp()
  await type('show', { key: '1' })
  await type('add 1', { key: '2' })
  await type('/homelab show', { key: '3' })
  expect(desk.history(operator, 10)).toEqual(['show', 'add 1'])
  expect(desk.history(viewer, 10)).toEqual([])
})

it('asks once more before it takes down what it needs itself, also when the first yes was given beforehand', async () => {
  const { desk, world, type, audit } = await setUp()
  const first = await type('cut')
  expect(first.card.title).toBe('Cut it?')
  desk.press(first.id, button(first, 'confirm'), operator, 'press-1')
  const second = await desk.settled(first.id, { asking: true })
  expect(second.card).toMatchObject({ title: 'Cut it, really?', tone: 'error' })
  expect(JSON.stringify(second.card)).toContain('The bot runs on it.')
  expect(world.changes).toBe(0)
  expect(await type('cut', { key: 'beforehand', confirmed: true })).toMatchObject({
    state: 'asking',
    card: { title: 'Cut it, really?' },
  })
  desk.press(second.id, button(second, 'confirm'), operator, 'press-2')
  expect(await desk.settled(second.id)).toMatchObject({ state: 'done', card: { title: 'now 0' } })
  expect(world.changes).toBe(1)
  expect(decisions(audit)).toEqual(['asked', 'asked', 'asked', 'started', 'succeeded'])
})

it('begins a command button once, however often it is pressed', async () => {
  const { desk, world, type } = await setUp()
  const shown = await type('show')
  const action = { kind: 'command', text: 'add 2' } as const
  const first = desk.press(shown.id, action, operator, 'click-1')
  const second = desk.press(shown.id, action, operator, 'click-2')
  expect(second.id).toBe(first.id)
  await desk.settled(first.id)
  expect(desk.press(shown.id, action, operator, 'click-3').id).toBe(first.id)
  expect(world).toEqual({ number: 2, changes: 1 })
})

it('does not take the yes of somebody whose right is gone by then', async () => {
  const { desk, world, type, audit } = await setUp()
  const asked = await type('wipe')
  desk.press(asked.id, button(asked, 'confirm'), { ...operator, role: 'nobody' }, 'press')
  expect(await desk.settled(asked.id)).toMatchObject({ state: 'done', error: 'denied' })
  expect(world.changes).toBe(0)
  expect(decisions(audit)).toEqual(['asked', 'denied'])
})

it('knows at once which answers are for the asker alone', async () => {
  const { desk } = await setUp()
  const alone = ['', 'help', 'add --help', 'ad 3', 'add "3', '!', 'wipe'].map((text) =>
    desk.isPrivate(text, viewer),
  )
  expect(alone).toEqual([true, true, true, true, true, true, true])
  expect(desk.isPrivate('show', viewer)).toBe(false)
  expect(desk.isPrivate('/homelab wipe', operator)).toBe(false)
})

it('tells something by itself, changes it in place, and leaves it to its teller after a restart', async () => {
  const { desk } = await setUp()
  const card = { title: 'plex is down', tone: 'error' } as const
  desk.tell(place, 'down-plex', card, 'live')
  await desk.resume()
  expect(desk.board.get('down-plex')).toMatchObject({ state: 'working', card })
  desk.tell(place, 'down-plex', { title: 'plex is up', tone: 'ok' })
  expect(desk.board.recent(place, 9)).toMatchObject([{ id: 'down-plex', state: 'done', command: '' }])
})

it('tells a script when a check found something wrong, and shows all the same what it found', async () => {
  const { world, type } = await setUp()
  expect((await type('show')).error).toBeUndefined()
  world.number = -1
  expect(await type('show', { key: 'again' })).toMatchObject({
    error: 'failed',
    card: { title: 'now -1' },
    output: { number: -1 },
  })
})

it('takes a second press that comes again later for what it was', async () => {
  const { desk, world, type } = await setUp()
  const shown = await type('show')
  const action = { kind: 'command', text: 'add 2' } as const
  const first = desk.press(shown.id, action, operator, 'click-1')
  desk.press(shown.id, action, operator, 'click-2')
  await desk.settled(first.id)
  const old = { ...desk.board.get(first.id) }
  // As if it were long ago: only that it was a second press tells now.
  Object.assign(desk.board.get(first.id) ?? {}, { at: '2020-01-01T00:00:00Z' })
  expect(old.also).toEqual(['click-2'])
  expect(desk.press(shown.id, action, operator, 'click-2').id).toBe(first.id)
  expect(desk.submit({ text: 'add 2', caller: operator, place, key: 'click-2' }).id).toBe(first.id)
  expect(world.changes).toBe(1)
})

it('lets the next person press what somebody was refused', async () => {
  const { desk, world, type } = await setUp()
  const shown = await type('show')
  const action = { kind: 'command', text: 'add 2' } as const
  const refused = desk.press(shown.id, action, viewer, 'click-1')
  expect(await desk.settled(refused.id)).toMatchObject({ error: 'denied' })
  const done = desk.press(shown.id, action, operator, 'click-2')
  expect(await desk.settled(done.id)).toMatchObject({ card: { title: 'now 2' } })
  expect(world.changes).toBe(1)
})

it('begins what it finds after a restart with what its caller may do now', async () => {
  const at = new Date().toISOString()
  const card = { title: 'x', tone: 'busy' as const }
  const found: Posted = { id: 'k', place, caller: operator, command: 'add 2', at, card, state: 'working' }
  const store: CardStore = { save: async () => {}, load: async () => [found] }
  const { desk, world } = await setUp({ store, roles: new Map([[operator.id, 'nobody']]) })
  await desk.resume()
  expect(await desk.settled('k')).toMatchObject({ error: 'denied' })
  expect(world.changes).toBe(0)
})

it('does not do again, nor deny, what it was doing past the runs when it died', async () => {
  const store = cardFile()
  const died = Promise.withResolvers<void>()
  const before = await setUp({ store, whileGiving: () => died.promise })
  before.desk.submit({ text: 'give', caller: operator, place, key: 'k' })
  await expect.poll(() => before.world.changes).toBe(1)

  const { desk, world } = await setUp({ store })
  await desk.resume()
  expect(await desk.settled('k')).toMatchObject({ error: 'unclear', card: { title: 'Unclear: Give one' } })
  expect(world.changes).toBe(0)
  died.resolve()
})

it('says in the audit log how a change past the runs ended', async () => {
  const { type, audit } = await setUp()
  expect(await type('give')).toMatchObject({ card: { title: 'now 1' } })
  await expect.poll(() => decisions(audit)).toEqual(['started', 'succeeded'])
})

it('stores every state of what it tells by itself', async () => {
  const store = cardFile()
  const { desk } = await setUp({ store })
  desk.tell(place, 'backup', { title: 'The backup failed', tone: 'error' })
  desk.tell(place, 'backup', { title: 'The backup failed twice', tone: 'error' })
  await desk.stored()
  expect((await store.load(9)).map(({ card }) => card.title)).toEqual(['The backup failed twice'])
})

it('judges by the command of a button, not by its card, whether the answer is for one person', async () => {
  const { desk, type } = await setUp()
  const inChannel: Caller = { ...operator, channel: 'slack:C1' }
  const slip = await type('shwo', { caller: inChannel, private: true })
  expect(slip.private).toBe(true)
  const meant = desk.press(slip.id, { kind: 'command', text: 'show' }, inChannel, 'p1')
  expect(meant.private).toBeUndefined()
  const help = desk.press(meant.id, { kind: 'command', text: 'help' }, inChannel, 'p2')
  expect(help.private).toBe(true)
  const refused = desk.press(
    meant.id,
    { kind: 'command', text: 'add 1' },
    { ...inChannel, role: 'viewer' },
    'p3',
  )
  expect(refused.private).toBe(true)
})
