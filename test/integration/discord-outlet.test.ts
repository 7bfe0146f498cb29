/** What the bot puts into Discord beside a card: logs, files, pings, and the plain form of what Discord does not take. */
import { inspect } from 'node:util'
import type { Card } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { DeliveryError, type Where } from '../../bot/src/chat/courier.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import { createApi } from '../../bot/src/discord/api.ts'
import { createOutlet } from '../../bot/src/discord/outlet.ts'
import { createRest } from '../../bot/src/discord/rest.ts'
import { type Discord, startDiscord } from '../support/discord.ts'

let discord: Discord
let bugs: unknown[]

beforeAll(async () => {
  discord = await startDiscord()
})
afterAll(() => discord.stop())
beforeEach(async () => {
  await discord.reset()
  bugs = []
})

const lines = Array.from({ length: 4 }, (_, index) => ({ at: '', text: `line ${index}` }))

function outlet() {
  const { api, token, application } = discord.ready
  return createOutlet({
    api: createApi(createRest(token, api), application),
    clock: systemClock,
    runs: { log: async () => lines },
    onBug: (error) => bugs.push(error),
  })
}

let cards = 0
function posted(card: Partial<Card> = {}, more: Partial<Posted> = {}): Posted {
  const { channels, users } = discord.ready
  const ops = channels.ops ?? ''
  cards += 1
  return {
    id: `discord:card-${cards}`,
    place: { surface: 'discord', channel: ops },
    caller: {
      id: `discord:${users.owner}`,
      name: 'owner',
      role: 'admin',
      surface: 'chat',
      channel: `discord:${ops}`,
    },
    command: 'restart plex',
    at: new Date().toISOString(),
    card: { title: 'Restart plex', tone: 'busy', ...card },
    state: 'working',
    ...more,
  }
}

/** What is said in the thread of the only card. */
async function threadOf(channel = 'ops') {
  const [card] = await discord.read(channel)
  return card?.thread ? await discord.read(card.thread.id) : undefined
}

it('puts the log of long work into a thread of its card', async () => {
  const { show, log } = outlet()
  const card = posted({ title: 'Restart *plex*' }, { run: 'r1' })
  let where = await show(card, undefined)
  where = await log(card, where, ['one', 'two ```', '@everyone'], 0)
  await log(card, where, ['three'], 3)
  const thread = await threadOf()
  expect(thread?.map(({ text }) => text)).toEqual([
    expect.stringMatching(/one\ntwo .+\n@everyone/),
    expect.stringContaining('three'),
  ])
  expect((await discord.read('ops'))[0]?.thread?.name).toBe('Restart *plex*')
  expect((await discord.counts()).pings).toEqual({})
})

it('adds the same lines once, though it is asked again', async () => {
  const { show, log } = outlet()
  const card = posted({}, { run: 'r1' })
  const where = await show(card, undefined)
  await log(card, where, ['one'], 0)
  await outlet().log(card, where, ['one'], 0)
  expect(await threadOf()).toHaveLength(1)
})

it('puts much of a log into a file', async () => {
  const { show, log } = outlet()
  const card = posted({}, { run: 'r1' })
  const where = await show(card, undefined)
  const many = Array.from({ length: 400 }, (_, index) => `${index} ${'x'.repeat(80)}`)
  await log(card, where, many, 0)
  const [message] = (await threadOf()) ?? []
  expect(message?.files).toMatchObject([{ name: 'log-1-400.txt', size: `${many.join('\n')}\n`.length }])
})

it('attaches the log to the end where there can be no thread', async () => {
  const { show, log } = outlet()
  const conversation = await directChannel()
  const working = posted({}, { run: 'r1', place: { surface: 'discord', channel: conversation } })
  let where = await show(working, undefined)
  where = await log(working, where, ['one'], 0)
  where = await show({ ...working, state: 'done', card: { title: 'plex is back', tone: 'ok' } }, where)
  const [card] = await discord.read('@owner')
  expect(card?.files).toMatchObject([{ name: 'log.txt', size: lines.length * 7 }])
  expect(card?.text).toContain('plex is back')
  expect(card?.thread).toBeNull()
})

it('makes no noise where it may make no threads', async () => {
  await discord.changeChannel('ops', { botDenied: ['CreatePublicThreads'] })
  const { show, log } = outlet()
  const card = posted({}, { run: 'r1' })
  let where = await show(card, undefined)
  where = await log(card, where, ['one'], 0)
  await show({ ...card, state: 'done' }, where)
  expect(await discord.read('ops')).toMatchObject([{ thread: null, files: [] }])
})

it('pings the asker alone, once, with a reply to the card', async () => {
  const { show, mention } = outlet()
  const { users } = discord.ready
  const card = posted({ title: `@everyone <@${users.kid}>` })
  const where = await show(card, undefined)
  await mention(card, where)
  await outlet().mention(card, where)
  const [first, reply, ...more] = await discord.read('ops')
  expect(more).toEqual([])
  expect(reply?.replyTo).toBe(first?.id)
  expect((await discord.counts()).pings).toEqual({ [users.owner ?? '']: 1 })
})

it('posts a card once, though the answer to it was lost', async () => {
  const { show } = outlet()
  await discord.fault({ dropCreates: 1 })
  const card = posted()
  await expect(show(card, undefined)).rejects.toMatchObject({ kind: 'again' })
  await show(card, undefined)
  expect(await discord.read('ops')).toHaveLength(1)
})

it.each([
  ['in this process', (card: Posted) => card],
  ['in the one before', (card: Posted) => ({ ...card, at: new Date(Date.now() - 1_000).toISOString() })],
])('brings a card that was posted %s, and whose answer was lost, up to date', async (where, asked) => {
  const card = asked(posted())
  const first = outlet()
  await discord.fault({ dropCreates: 1 })
  await expect(first.show(card, undefined)).rejects.toMatchObject({ kind: 'again' })
  const { show } = where === 'in this process' ? first : outlet()
  // And the first try of that fails too.
  const ended: Posted = { ...card, state: 'done', card: { title: 'plex is back', tone: 'ok' } }
  await discord.changeChannel('ops', { botDenied: ['SendMessages'] })
  await expect(show(ended, undefined)).rejects.toMatchObject({ kind: 'gone' })
  await discord.changeChannel('ops', { botDenied: [] })
  await show(ended, undefined)
  const messages = await discord.read('ops')
  expect(messages).toHaveLength(1)
  expect(messages[0]?.text).toContain('plex is back')
})

it('posts a card anew when its message was deleted', async () => {
  const { show } = outlet()
  const card = posted()
  const where = await show(card, undefined)
  await discord.deleteMessage(String(where.message))
  await expect(show(card, where)).rejects.toMatchObject({ kind: 'gone' })
  const again = await show(card, undefined)
  expect((await discord.read('ops')).map(({ id }) => id)).toEqual([again.message])
})

it('shows in plain text what Discord does not take as it is', async () => {
  const { show } = outlet()
  // Longer than the identifiers of its buttons may be.
  const card = posted(
    { text: 'kept', buttons: [{ label: 'Again', action: { kind: 'command', text: 'status' } }] },
    { id: `discord:${'x'.repeat(100)}` },
  )
  await show(card, undefined)
  const [message] = await discord.read('ops')
  expect(message?.content).toBe('Restart plex')
  expect(message?.files).toMatchObject([{ name: 'whole.txt' }])
  expect(bugs).toHaveLength(1)
})

it('says what the courier can do about it', async () => {
  const { show } = outlet()
  const kindOf = async (where?: Where) =>
    await show(posted(), where).then(
      () => 'shown',
      (error: unknown) => (error instanceof DeliveryError ? [error.kind, error.retryAfterMs] : error),
    )
  await discord.fault({ limited: 1, retryAfter: 2 })
  const [kind, wait] = (await kindOf()) as [string, number]
  expect(kind).toBe('wait')
  expect(wait).toBeGreaterThanOrEqual(2_000)
  await discord.reset()
  await discord.fault({ restErrors: 1, errorStatus: 502 })
  expect(await kindOf()).toEqual(['again', undefined])
  await discord.fault({ refuseRest: true })
  expect(await kindOf()).toEqual(['again', undefined])
  await discord.fault({ refuseRest: false })
  await discord.changeChannel('ops', { botDenied: ['SendMessages'] })
  expect(await kindOf()).toEqual(['gone', undefined])
  await discord.changeChannel('ops', { botDenied: ['ViewChannel'] })
  expect(await kindOf()).toEqual(['gone', undefined])
})

it('shows no one else what was for one person, when it cannot be changed any more', async () => {
  const { show } = outlet()
  const { users } = discord.ready
  const card = posted({ title: 'Not allowed' }, { private: true, state: 'done' })
  const where = await show(card, { only: users.owner ?? '', channel: discord.ready.channels.ops ?? '' })
  await show({ ...card, card: { title: 'Allowed now', tone: 'ok' } }, where)
  expect(await discord.read('ops')).toEqual([])
  expect((await discord.read('@owner')).map(({ text }) => text)).toEqual(['✅ Allowed now'])
})

it('asks the one person alone whom a card of the bot itself is for', async () => {
  const { show } = outlet()
  const { users, channels } = discord.ready
  const own = { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' } as const
  const card = posted({ title: 'I was away', tone: 'neutral' }, { caller: own, state: 'done' })
  await show(card, { channel: channels.ops ?? '', only: users.owner ?? '' })
  expect(await discord.read('ops')).toEqual([])
  expect((await discord.read('@owner')).map(({ text }) => text)).toEqual(['I was away'])
})

it('says once that there is an answer, where it may not be written directly', async () => {
  const { show, mention } = outlet()
  const { users, channels } = discord.ready
  await discord.person('kid').change({ dmsClosed: true })
  const kid = { ...posted().caller, id: `discord:${users.kid}`, name: 'kid' }
  const card = posted({ title: 'Secret' }, { private: true, caller: kid })
  let where = await show(card, { channel: channels.ops ?? '', only: users.kid ?? '' })
  where = await show({ ...card, state: 'done', card: { title: 'Secret too', tone: 'ok' } }, where)
  await mention({ ...card, state: 'done' }, where)
  const said = await discord.read('ops')
  expect(said).toHaveLength(1)
  expect(said[0]?.text).toContain('may not write to you directly')
  expect(said[0]?.text).not.toContain('Secret')
  expect((await discord.counts()).pings).toEqual({})
})

it('keeps the token of an interaction, and files, out of what goes to the log', async () => {
  const { api, token, application } = discord.ready
  const secret = 'aW50ZXJhY3Rpb246c2VjcmV0'
  const own = createApi(createRest(token, api), application)
  const errors: unknown[] = []
  await own.answer('1174109840998400009', secret, { type: 5 }).catch((error: unknown) => errors.push(error))
  await own
    .editAnswer(secret, { body: {}, files: [{ name: 'a.txt', data: 'long' }] })
    .catch((error: unknown) => errors.push(error))
  await discord.fault({ limited: 1, retryAfter: 1 })
  await own.editAnswer(secret, { body: {}, files: [] }).catch((error: unknown) => errors.push(error))
  expect(errors).toHaveLength(3)
  expect(inspect(errors, { depth: 9 })).not.toContain(secret)
  expect(inspect(errors)).toContain('[secret]')
  expect(inspect(errors, { depth: 9 })).not.toContain('Buffer')
})

async function directChannel(): Promise<string> {
  const { api, token, application, users } = discord.ready
  return await createApi(createRest(token, api), application).directChannel(users.owner ?? '')
}
