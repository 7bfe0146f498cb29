/** The gateway of the Discord test peer: what a stock discord.js lives through, and what closes a connection. */
import { once } from 'node:events'
import { createInflate } from 'node:zlib'
import { Client, Events, GatewayIntentBits } from 'discord.js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Discord } from '../support/discord.ts'
import { startDiscord } from '../support/discord.ts'

let discord: Discord
const clients: Client[] = []

function create(intents: readonly GatewayIntentBits[] = []): Client {
  const made = new Client({
    intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, ...intents],
    rest: { api: discord.ready.api },
  })
  clients.push(made)
  return made
}

async function connect(): Promise<{ client: Client<true>; heard: string[] }> {
  const client = create()
  const heard: string[] = []
  client.on(Events.InteractionCreate, (interaction) => heard.push(interaction.id))
  const ready = once(client, Events.ClientReady)
  await client.login(discord.ready.token)
  await ready
  await client.application?.commands.set([{ name: 'status', description: 'How it is' }])
  return { client: client as Client<true>, heard }
}

const send = (): Promise<string> => discord.person('kid').send({ channel: 'ops', path: ['status'] })

/** Resolves when the client has been told everything up to now. */
async function caughtUp(client: Client<true>): Promise<void> {
  const told = once(client, Events.MessageCreate)
  await discord.person('kid').say({ channel: 'ops', content: 'marker' })
  await told
}

/** A socket of our own, for what no good client sends. Resolves with the code that it was closed with. */
async function closedWith(messages: readonly string[], query = '?v=10&encoding=json'): Promise<number> {
  const socket = new WebSocket(`${discord.ready.gateway}/${query}`)
  const closed = Promise.withResolvers<number>()
  socket.addEventListener('close', ({ code }) => closed.resolve(code))
  socket.addEventListener('message', ({ data }) => {
    if (JSON.parse(String(data)).op === 10) for (const message of messages) socket.send(message)
  })
  return await closed.promise
}

const identify = (intents: number, token = discord.ready.token): string =>
  JSON.stringify({ op: 2, d: { token, intents, properties: {} } })

beforeAll(async () => {
  // 0.02: a heartbeat each 825 ms, an IDENTIFY each 100 ms.
  discord = await startDiscord({ seed: 1, speed: 0.02 })
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.destroy()))
  await discord.reset()
})
afterAll(async () => await discord?.stop())

describe('a stock client', () => {
  it('resumes after a cut, and hears what it missed', async () => {
    const { client, heard } = await connect()
    await discord.fault({ refuseGateway: true })
    await discord.gateway('cut')
    await discord.waitFor({ kind: 'gateway', event: 'closed' })
    const missed = await send()
    await discord.fault({ refuseGateway: false })
    await discord.waitFor({ kind: 'gateway', event: 'resumed' })
    await caughtUp(client)
    expect(heard).toEqual([missed])
    expect(await discord.counts()).toMatchObject({ identifies: 1, resumes: 1, undelivered: 0 })
  })

  it.each(['reconnect', 'resumable'] as const)('resumes when it is asked to (%s)', async (act) => {
    const { client, heard } = await connect()
    const mark = await discord.mark()
    await discord.gateway(act)
    await discord.waitFor({ kind: 'gateway', event: 'resumed' }, { after: mark })
    const sent = await send()
    await caughtUp(client)
    expect(heard).toEqual([sent])
    expect((await discord.counts()).identifies).toBe(1)
  })

  it('starts over when its session is invalid: what came meanwhile is lost', async () => {
    const { client, heard } = await connect()
    const mark = await discord.mark()
    await discord.gateway('invalid')
    await discord.waitFor({ kind: 'gateway', event: 'invalid' }, { after: mark })
    await send()
    await discord.waitFor({ kind: 'gateway', event: 'identified' }, { after: mark })
    const sent = await send()
    await caughtUp(client)
    expect(heard).toEqual([sent])
    expect(await discord.counts()).toMatchObject({ identifies: 2, resumes: 0, undelivered: 1 })
  })

  it('notices a deaf socket by its heartbeat', async () => {
    const { client, heard } = await connect()
    await discord.gateway('deaf')
    const missed = await send()
    await discord.waitFor({ kind: 'gateway', event: 'resumed' })
    await caughtUp(client)
    expect(heard).toEqual([missed])
  })

  it('does not notice that nothing is delivered, until it resumes', async () => {
    const { client, heard } = await connect()
    await discord.gateway('deafEvents')
    const missed = await send()
    expect(await discord.person('kid').command({ channel: 'ops', path: ['status'] })).toMatchObject({
      state: 'failed',
    })
    expect(heard).toEqual([])
    await discord.gateway('cut')
    await discord.waitFor({ kind: 'gateway', event: 'resumed' })
    await caughtUp(client)
    expect(heard).toHaveLength(2)
    expect(heard[0]).toBe(missed)
  })

  it('is given the same interaction twice', async () => {
    const { client, heard } = await connect()
    await discord.fault({ duplicate: 1 })
    const twice = await send()
    const once = await send()
    await caughtUp(client)
    expect(heard).toEqual([twice, twice, once])
  })

  it('is told nothing while nobody is connected', async () => {
    const { client } = await connect()
    await client.destroy()
    await discord.waitFor({ kind: 'gateway', event: 'closed' })
    await send()
    expect(await discord.counts()).toMatchObject({ interactions: 1, undelivered: 1 })
  })
})

it('the gateway compresses the whole stream if it is asked to', async () => {
  const socket = new WebSocket(`${discord.ready.gateway}/?v=10&encoding=json&compress=zlib-stream`)
  socket.binaryType = 'arraybuffer'
  const inflate = createInflate()
  socket.addEventListener('message', ({ data }) => inflate.write(Buffer.from(data)))
  const next = async (): Promise<unknown> => {
    const [chunk] = await once(inflate, 'data')
    return JSON.parse(String(chunk))
  }
  expect(await next()).toMatchObject({ op: 10 })
  socket.send(identify(1))
  expect(await next()).toMatchObject({ op: 0, t: 'READY' })
  socket.close()
})

describe('the day of a token', () => {
  it('has so many IDENTIFYs, and ends with them', async () => {
    await connect()
    await discord.fault({ identifiesLeft: 0 })
    await expect(create().login(discord.ready.token)).rejects.toThrow(/Not enough sessions remaining/)
    // Who does not look at the budget first loses the token, with every session there is.
    expect(await closedWith([identify(1)])).toBe(4004)
    expect(await discord.state()).toMatchObject({ tokenRevoked: true, gateway: { sessions: [] } })
    await expect(create().login(discord.ready.token)).rejects.toThrow(/invalid token/i)
  })

  it('ends everything when the token is revoked', async () => {
    const { client } = await connect()
    const gone = once(client, Events.Invalidated)
    const failed = once(client, Events.ShardDisconnect)
    await discord.fault({ tokenRevoked: true })
    await Promise.race([gone, failed])
    // The client hears of it before the gateway has its answer to the close.
    await discord.waitFor({ kind: 'gateway', event: 'closed' })
    expect((await discord.state()).gateway).toEqual({ connections: 0, sessions: [] })
  })
})

describe('a connection is closed', () => {
  it.each([
    ['4001', 'for an unknown opcode', () => [identify(1), '{"op":99,"d":{}}']],
    ['4002', 'for what is no JSON', () => ['{']],
    ['4002', 'for more than 4,096 bytes', () => [JSON.stringify({ op: 1, d: 'x'.repeat(4_096) })]],
    ['4003', 'for speaking before an IDENTIFY', () => ['{"op":3,"d":{}}']],
    ['4004', 'for a wrong token', () => [identify(1, 'nonsense')]],
    ['4005', 'for a second IDENTIFY', () => [identify(1), identify(1)]],
    [
      '4008',
      'for more than 120 sends',
      () => [identify(1), ...Array.from({ length: 120 }, () => '{"op":1,"d":1}')],
    ],
    ['4013', 'for intents that do not exist', () => [identify(1 << 30)]],
    ['4014', 'for a privileged intent that is switched off', () => [identify(1 << 15)]],
  ])('with %s %s', async (code, _why, messages) => {
    expect(await closedWith(messages())).toBe(Number(code))
  })

  it('with 4012 for another version', async () => {
    expect(await closedWith([], '?v=9&encoding=json')).toBe(4012)
  })

  it('not for a privileged intent that is switched on, which reads everything', async () => {
    await discord.fault({ privileged: ['MessageContent'] })
    const client = create([GatewayIntentBits.MessageContent])
    const ready = once(client, Events.ClientReady)
    await client.login(discord.ready.token)
    await ready
    const heard = once(client, Events.MessageCreate)
    await discord.person('kid').say({ channel: 'ops', content: 'everything' })
    expect(await heard).toMatchObject([{ content: 'everything' }])
  })
})
