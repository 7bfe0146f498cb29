/** What goes wrong between the bot and Discord: who hears of it, and that it goes on when it is over. */
import { createRegistry, type Json, Secret } from '@homelab/core'
import { emptyInventory } from '@homelab/core/inventory'
import { systemClock } from '@homelab/core/node'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Asker, ConnectorContext } from '../../bot/src/chat/connector.ts'
import { setUp } from '../../bot/src/chat/number-lab.fixture.ts'
import { startDiscord } from '../../bot/src/discord/index.ts'
import type { BotProcess } from '../support/bot.ts'
import { control, discordLab, health } from '../support/discord-bot.ts'

const lab = discordLab()

describe('a bot in Discord', () => {
  const open = new AsyncDisposableStack()
  let bot: BotProcess
  beforeAll(async () => {
    bot = await lab.connected(open)
  })
  beforeEach(() => lab.markNow())
  afterAll(() => open.disposeAsync())
  const state = async () => (await health(bot)).platforms.discord

  it('loses no card to one answer that its token is not good', async () => {
    // The channel is known from then on: the next call is the card's.
    await lab.owner.say({ channel: lab.channel, content: '@homelab node list' })
    await lab.seen('pve')
    await lab.discord.fault({ restErrors: 1, errorStatus: 401 })
    await lab.owner.say({ channel: lab.channel, content: '@homelab restart plex' })
    await lab.seen('✅.*plex')
    expect(await lab.restarts()).toBe(1)
    expect(await lab.cards()).toHaveLength(2)
    await lab.happened({ kind: 'rest', route: 'POST /channels/:channel/messages', status: 401 })
    expect(bot.output()).not.toContain('refuses the token')
  })

  it('says where its notices do not get, and shows them when they do', async () => {
    await lab.discord.changeChannel('ops', { botDenied: ['SendMessages'] })
    await lab.discord.gateway('invalid')
    await bot.printed(/Cannot write in ops \(\d+\): the bot may not write there/)
    expect(await lab.cards('ops')).toEqual([])
    await lab.discord.changeChannel('ops', { botDenied: [] })
    expect((await lab.seen('I can write here again', 'ops')).text).toContain('Back on Discord')
  })

  it('offers its commands again when it was thrown out and invited', async () => {
    await control(lab.discord, '/gateway', { act: 'kick' })
    await bot.printed(/is not in the server \d+\./)
    expect(await state()).toBe('refused')
    await lab.markNow()
    await control(lab.discord, '/gateway', { act: 'invite' })
    await lab.happened({ kind: 'commands' })
    await lab.owner.command(lab.restart())
    await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(await state()).not.toBe('refused')
  })

  it('says that its token is refused when that is not only once so, last of all', async () => {
    await lab.discord.fault({ restErrors: 1_000, errorStatus: 401 })
    await lab.owner.say({ channel: lab.channel, content: '@homelab node list' })
    await bot.printed(/Discord refuses the token in discord\.token \(REST answers 401\)/)
    expect(await state()).toBe('refused')
    await lab.discord.fault({ restErrors: 0 })
  })
})

it('works though the clock of its host is off, and says so', async () => {
  await using open = new AsyncDisposableStack()
  await lab.discord.reset()
  await control(lab.discord, '/faults', { clockAheadMs: 600_000 })
  await lab.markNow()
  const bot = await lab.start(open)
  await lab.happened({ kind: 'commands' })
  await lab.owner.command(lab.restart())
  await lab.seen('✅')
  expect(await lab.restarts()).toBe(1)
  await lab.markNow()
  await lab.owner.say({ channel: lab.channel, content: '@homelab restart plex' })
  await lab.seen('✅')
  expect(await lab.restarts()).toBe(2)
  await bot.printed(/The clock of this host is about 10 min behind/)
  expect((await health(bot)).platforms).toEqual({ discord: 'troubled' })
  await control(lab.discord, '/faults', { clockAheadMs: 0 })
})

it('says which intents it may not have, and does not try again', async () => {
  await using open = new AsyncDisposableStack()
  await lab.discord.reset()
  await control(lab.discord, '/faults', { intentsRefused: true })
  const bot = await lab.start(open)
  await bot.printed(/Discord refuses what the bot wants to hear \(.*4014\)/)
  expect((await health(bot)).platforms).toEqual({ discord: 'refused' })
  expect((await lab.discord.counts()).connections).toBe(1)
  await control(lab.discord, '/faults', { intentsRefused: false })
})

describe('after an outage of over two minutes', () => {
  /** Discord's part of the bot, in this process: its host's time can be moved. */
  async function adapter() {
    const { api, token, guild, channels } = lab.discord.ready
    let ahead = 0
    const clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + ahead) }
    const { desk, bugs } = await setUp({ clock })
    const facts = new Map<string, Json>()
    const refs = new Map<string, Json>()
    const context = {
      desk,
      registry: createRegistry([]),
      callerOf: ({ user: id, name, channel }: Asker) => ({
        id: `discord:${id}`,
        name,
        role: 'operator',
        surface: 'chat',
        ...(channel === undefined ? {} : { channel: `discord:${channel}` }),
      }),
      inventory: emptyInventory,
      runs: { log: async () => [] },
      clock,
      messages: {
        get: (card: string) => refs.get(card),
        save: async (card: string, _: string, ref: Json) => void refs.set(card, ref),
        cardOf: () => undefined,
      },
      facts: {
        get: (name: string) => facts.get(name),
        set: async (name: string, value: Json) => void facts.set(name, value),
      },
      onBug: (error: unknown) => bugs.push(error),
      log: { warn: () => undefined, info: () => undefined },
    } as unknown as ConnectorContext
    const connector = startDiscord(context, {
      token: new Secret(token),
      guild,
      api,
      opsChannels: () => [channels.ops ?? ''],
    })
    await connector.started
    return {
      bugs,
      connector,
      pass(ms: number) {
        ahead += ms
      },
      [Symbol.asyncDispose]: () => connector[Symbol.asyncDispose](),
    }
  }

  it('with the connection resumed, the ops channel is told, and what was typed long ago is asked about', async () => {
    await lab.discord.reset()
    await lab.markNow()
    await using bot = await adapter()
    await lab.discord.fault({ refuseGateway: true })
    await lab.discord.gateway('cut')
    await lab.owner.say({ channel: lab.channel, content: '@homelab help' })
    bot.pass(150_000)
    await lab.discord.fault({ refuseGateway: false })
    const told = await lab.seen('Back on Discord after', 'ops')
    expect(told.text).toContain('What was typed meanwhile has arrived now')
    const asked = await lab.told(lab.owner, 'I was away when you asked')
    expect(asked.buttons).toMatchObject([{ label: 'Do it now' }])
    expect(await lab.cards()).toEqual([])
    expect(bot.bugs).toEqual([])
    expect(await lab.discord.counts()).toMatchObject({ identifies: 1, resumes: 1 })
  })
})
