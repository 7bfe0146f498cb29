/** Messages in the Discord test peer under a stock discord.js: files, threads, pings, nonces, rights and limits. */
import { once } from 'node:events'
import type { Client } from 'discord.js'
import { Events } from 'discord.js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Discord, Person } from '../support/discord.ts'
import { startDiscord } from '../support/discord.ts'
import { codeOf, stockClient } from '../support/discord-client.ts'

let discord: Discord
let client: Client<true>
let kid: Person

beforeAll(async () => {
  discord = await startDiscord({ seed: 1, speed: 0.02 })
  kid = discord.person('kid')
})
beforeEach(async () => {
  client = await stockClient(discord)
})
afterEach(async () => {
  await client.destroy()
  await discord.reset()
})
afterAll(async () => await discord?.stop())

describe('messages', () => {
  const ops = async () => {
    const channel = await client.channels.fetch(discord.ready.channels.ops ?? '')
    if (channel?.type !== 0) throw new Error('no channel')
    return channel
  }

  it('have files and threads, and ring only whom they may', async () => {
    const channel = await ops()
    const { users, roles } = discord.ready
    const content = `<@${users.kid}> <@${users.owner}> <@&${roles.admins}> @everyone \`<@${users.partner}>\``
    const sent = await channel.send({
      content,
      files: [{ attachment: Buffer.from('line 1\n'), name: 'log.txt' }],
      allowedMentions: { users: [users.kid ?? ''] },
    })
    expect(sent.attachments.first()).toMatchObject({ name: 'log.txt', size: 7 })
    const thread = await sent.startThread({ name: 'Log of plex' })
    await thread.send('in the thread')
    const [seen] = await kid.read('ops')
    expect(seen).toMatchObject({
      pings: { users: [users.kid], roles: [], everyone: false },
      thread: { name: 'Log of plex' },
    })
    expect(await (await fetch(seen?.files[0]?.url ?? '')).text()).toBe('line 1\n')
    expect(await kid.read(thread.id)).toMatchObject([{ content: 'in the thread' }])
    expect((await discord.counts()).pings).toEqual({ [users.kid ?? '']: 1 })
    await channel.send(content)
    expect((await discord.counts()).pings).toEqual({
      [users.kid ?? '']: 2,
      [users.owner ?? '']: 1,
      [roles.admins ?? '']: 1,
    })
    expect(await codeOf(sent.startThread({ name: 'Again' }))).toBe(160004)
  })

  it('are made once by one nonce, also when the answer is lost', async () => {
    const channel = await ops()
    await discord.fault({ dropCreates: 1 })
    // The connection is cut: the client sends it again by itself.
    const sent = await channel.send({ content: 'once', nonce: 'run-1', enforceNonce: true })
    const again = await channel.send({ content: 'once', nonce: 'run-1', enforceNonce: true })
    expect(again.id).toBe(sent.id)
    expect(await kid.read('ops')).toMatchObject([{ content: 'once' }])
    expect((await discord.counts()).messages).toMatchObject({ created: 1, deduplicated: 2 })
  })

  it('of people are readable for the bot when they are meant for it', async () => {
    const heard: string[] = []
    client.on(Events.MessageCreate, ({ author, content }) => author.bot || heard.push(content))
    await kid.say({ channel: 'ops', content: 'secret' })
    await kid.say({ channel: 'ops', content: '@homelab help' })
    await kid.dm('hello')
    const marker = once(client, Events.MessageCreate)
    await (await ops()).send('marker')
    await marker
    expect(heard).toEqual(['', `<@${client.user.id}> help`, 'hello'])
    await (await client.users.createDM(kid.id)).send('hello yourself')
    expect((await kid.read('@kid')).map(({ content }) => content)).toEqual(['hello', 'hello yourself'])
    await kid.change({ dmsClosed: true })
    expect(await codeOf(client.users.send(kid.id, 'x'))).toBe(50007)
  })

  it('cannot go where the bot may not, or where nothing is any more', async () => {
    const channel = await ops()
    const sent = await channel.send('here')
    await discord.changeChannel('ops', { botDenied: ['SendMessages'] })
    expect(await codeOf(channel.send('x'))).toBe(50013)
    await discord.changeChannel('ops', { botDenied: ['ViewChannel'] })
    expect(await codeOf(channel.send('x'))).toBe(50001)
    expect(await codeOf(sent.edit('x'))).toBe(50001)
    await discord.changeChannel('ops', { botDenied: [] })
    await discord.deleteMessage(sent.id)
    expect(await codeOf(channel.messages.edit(sent.id, 'x'))).toBe(10008)
    await discord.changeChannel('ops', { delete: true })
    expect(
      await codeOf(client.rest.post(`/channels/${channel.id}/messages`, { body: { content: 'x' } })),
    ).toBe(10003)
  })

  it('wait for the bucket in a stock client, which never meets a 429', async () => {
    const channel = await ops()
    await Promise.all(Array.from({ length: 12 }, (_, index) => channel.send(`${index}`)))
    const { answers, messages } = await discord.counts()
    expect(messages.created).toBe(12)
    expect(answers['429']).toBeUndefined()
    await discord.fault({ limited: 1, retryAfter: 0.2 })
    const began = performance.now()
    await channel.send('after the limit')
    expect(performance.now() - began).toBeGreaterThan(190)
    expect((await discord.counts()).answers['429']).toBe(1)
  })
})
