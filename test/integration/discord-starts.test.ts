/** Starts of the bot in Discord: after its death, with what cannot work, with other settings. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { homeFolder } from '../support/bot.ts'
import type { DiscordCounts } from '../support/discord.ts'
import { discordLab, health } from '../support/discord-bot.ts'

const lab = discordLab()

const callsIn = ({ rest }: DiscordCounts) => Object.values(rest).reduce((sum, calls) => sum + calls, 0)

describe('a bot that dies', () => {
  it('in the middle of its work goes on in the same message', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await lab.connected(open, { folder })
    await lab.simulator.fault({ taskMs: { vzreboot: 3_000 } })
    await lab.owner.command(lab.restart())
    await lab.simulator.waitFor({ kind: 'task', type: 'vzreboot' })
    bot.signal('SIGKILL')
    await bot.exited
    await lab.start(open, { folder })
    const ended = await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(await lab.cards()).toEqual([ended])
    expect(await lab.discord.counts()).toMatchObject({ identifies: 1, resumes: 1, commandCreates: 1 })
  })

  it('between question and answer says that nothing was done', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await lab.connected(open, { folder })
    await lab.owner.command(lab.stop())
    await lab.seen('Nothing happens until you confirm')
    bot.signal('SIGKILL')
    await bot.exited
    await lab.start(open, { folder })
    const ended = await lab.seen('nothing was done')
    expect(await lab.stateOf(110)).toBe('running')
    expect(await lab.cards()).toEqual([ended])
  })

  it('finds what was typed to it while it was away', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await lab.connected(open, { folder })
    bot.signal('SIGTERM')
    await bot.exited
    await lab.owner.say({ channel: lab.channel, content: '@homelab restart plex' })
    await lab.start(open, { folder })
    await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
  })
})

describe('what cannot work', () => {
  it('a token that was reset is told with what to do, and not tried again', async () => {
    await using open = new AsyncDisposableStack()
    await lab.discord.reset()
    await lab.discord.fault({ tokenRevoked: true })
    const bot = await lab.start(open)
    await bot.printed(/Discord refuses the token in discord\.token/)
    await bot.printed(/Reset Token/)
    await delay(3_000)
    // Once more than once: one alone may be Discord's own trouble.
    expect(callsIn(await lab.discord.counts())).toBe(2)
    expect(await health(bot)).toMatchObject({ status: 'deaf', platforms: { discord: 'refused' } })
  })

  it('a token that is none is sent nowhere', async () => {
    await using open = new AsyncDisposableStack()
    await lab.discord.reset()
    const bot = await lab.start(open, { token: 'xoxb-1-not-of-discord' })
    await bot.printed(/discord\.token is no token of a Discord bot/)
    expect((await lab.discord.counts()).rest).toEqual({})
    expect(bot.output()).not.toContain('xoxb-1')
  })

  it('a server that the bot may not offer commands in is named, with the link that invites it', async () => {
    await using open = new AsyncDisposableStack()
    await lab.discord.reset()
    await lab.discord.fault({ noCommandScope: true })
    const bot = await lab.start(open)
    await bot.printed(/does not let the bot offer its commands/)
    await bot.printed(/oauth2\/authorize\?client_id=\d+&scope=bot\+applications\.commands/)
    expect(await health(bot)).toMatchObject({ platforms: { discord: 'refused' } })
  })

  it('a Discord that is out of reach is tried again, and found', async () => {
    await using open = new AsyncDisposableStack()
    await lab.discord.reset()
    await lab.discord.fault({ refuseRest: true })
    await lab.markNow()
    const bot = await lab.start(open)
    await bot.printed(/Discord cannot be reached/)
    await lab.discord.fault({ refuseRest: false })
    await lab.happened({ kind: 'commands' }, { timeoutMs: 20_000 })
    await lab.owner.command(lab.restart())
    await lab.seen('✅')
    expect((await health(bot)).status).toBe('ok')
  })
})

describe('the commands', () => {
  it('are offered in one place, and move with the setting', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await lab.connected(open, { folder })
    const names = async () => {
      const { global, guild } = await lab.discord.commands()
      return [global.map(({ name }) => name), guild.map(({ name }) => name)]
    }
    expect(await names()).toEqual([[], ['homelab']])
    bot.signal('SIGTERM')
    await bot.exited
    const after = await lab.discord.mark()
    await lab.start(open, { folder, guild: null })
    await lab.discord.waitFor({ kind: 'commands' }, { after, count: 2, timeoutMs: 50_000 })
    expect(await names()).toEqual([['homelab'], []])
    expect(await lab.owner.commands()).toHaveLength(1)
  })

  it('cost one look at a start, and nothing while nobody asks', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await lab.connected(open, { folder })
    await bot.printed(/discord: connected/)
    bot.signal('SIGTERM')
    await bot.exited
    await lab.discord.resetCounts()
    const after = await lab.discord.mark()
    await lab.start(open, { folder })
    await lab.discord.waitFor({ kind: 'gateway', event: 'resumed' }, { after })
    await delay(2_000)
    expect((await lab.discord.counts()).rest).toEqual({
      'GET /gateway/bot': 1,
      'GET /applications/:application/commands': 1,
      'GET /applications/:application/guilds/:guild/commands': 1,
    })
  })
})
