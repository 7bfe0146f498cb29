/** The bot in Discord, as people there meet it: the lab's end state first, then what they read, then the calls. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { BotProcess } from '../support/bot.ts'
import { type Person, startDiscord } from '../support/discord.ts'
import { discordLab, health } from '../support/discord-bot.ts'

const lab = discordLab()

describe('a bot in Discord', () => {
  const open = new AsyncDisposableStack()
  let bot: BotProcess
  beforeAll(async () => {
    bot = await lab.connected(open)
  })
  afterEach(() => lab.discord.fault({ restErrors: 0, limited: 0, duplicate: 0 }))
  afterAll(() => open.disposeAsync())

  it('acknowledges a command at once, does it once, and ends in its one message', async () => {
    expect(await lab.owner.command(lab.restart())).toMatchObject({ state: 'thinking', notice: null })
    const ended = await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(ended.embeds[0]?.title).toContain('plex')
    expect(await lab.cards()).toEqual([ended])
    expect(await lab.discord.counts()).toMatchObject({ failedAcks: 0, pings: {} })
  })

  it('answers what is mistyped to the asker alone, with a form that does it', async () => {
    await lab.owner.command({ channel: lab.channel, path: ['do'], options: { command: 'restart' } })
    const wrong = await lab.seen('services is missing')
    expect(wrong.ephemeral).toBe(true)
    expect(await lab.cards(lab.channel, 'partner')).toEqual([])
    const { modal } = await lab.owner.click({ message: wrong.id, label: 'Fill in the form' })
    expect(modal).toMatchObject({ title: 'Restart a service' })
    await lab.owner.submit({ fields: { services: 'plex' } })
    await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
  })

  it('refuses what one may not do to the asker alone, and changes nothing', async () => {
    await lab.kid.command(lab.restart())
    const refused = await lab.seen('needs the role operator')
    expect(refused.ephemeral).toBe(true)
    expect(await lab.cards(lab.channel, 'owner')).toEqual([])
    expect(await lab.restarts()).toBe(0)
  })

  it('completes with what is there, and with nothing that one may not do', async () => {
    const typing = async (person: Person, option: string, path: readonly string[], typed: string) => {
      const act = { channel: lab.channel, path, option, options: { [option]: typed } }
      return ((await person.autocomplete(act)).choices ?? []).map(({ value }) => value)
    }
    expect(await typing(lab.owner, 'services', ['restart'], 'ple')).toEqual(['plex'])
    expect(await typing(lab.owner, 'command', ['do'], 'resta')).toEqual(['restart'])
    expect(await typing(lab.kid, 'command', ['do'], 'resta')).toEqual([])
  })

  it('asks whoever asked, and does nothing on no', async () => {
    await lab.partner.command(lab.stop())
    const asked = await lab.seen('Nothing happens until you confirm')
    const other = await lab.owner.click({ message: asked.id, label: 'Confirm' })
    expect(other.message).toMatchObject({ ephemeral: true })
    expect(other.message?.content).toContain('can answer this')
    await lab.partner.click({ message: asked.id, label: 'Cancel' })
    await lab.seen('said no')
    expect(await lab.stateOf(110)).toBe('running')
    expect((await lab.cards(lab.channel, 'partner')).map(({ buttons }) => buttons)).toEqual([[]])
  })

  it('does it on yes, once, however often the button is pressed', async () => {
    await lab.partner.command(lab.stop())
    const asked = await lab.seen('Nothing happens until you confirm')
    await lab.discord.fault({ duplicate: 1 })
    const click = { message: asked.id, customId: asked.buttons[0]?.customId ?? '' }
    await Promise.all([lab.partner.click(click), lab.partner.click(click).catch(() => undefined)])
    await lab.seen('✅')
    expect(await lab.stateOf(110)).toBe('stopped')
    expect((await lab.simulator.counts()).changes[110]).toEqual({ shutdown: 1 })
  })

  it('says that a card has changed to whoever presses a button of before', async () => {
    await lab.partner.command(lab.stop())
    const asked = await lab.seen('Nothing happens until you confirm')
    const [confirm, cancel] = asked.buttons.map(({ customId }) => customId ?? '')
    // The message still has its buttons when the second one is pressed.
    await lab.discord.fault({ restDelayMs: 1_000 })
    const first = lab.partner.click({ message: asked.id, customId: cancel ?? '' })
    await lab.happened({ kind: 'interaction', type: 'component' })
    await lab.partner.click({ message: asked.id, customId: confirm ?? '' })
    // At once, or behind an acknowledgement when the bot had no time.
    await lab.happened({ kind: 'message', text: '~This card has changed' })
    const told = (await lab.cards(lab.channel, 'partner')).find(({ text }) => text.includes('has changed'))
    expect(told?.ephemeral).toBe(true)
    await first
    await lab.discord.fault({ restDelayMs: 0 })
    await lab.seen('said no')
    expect(await lab.stateOf(110)).toBe('running')
  })

  it('takes mentions and direct messages for commands, and gives plain words a nudge, once', async () => {
    await lab.owner.say({ channel: lab.channel, content: '@homelab restart plex' })
    const ended = await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(ended.replyTo).not.toBeNull()
    expect(ended.pings).toEqual({ users: [], roles: [], everyone: false })

    await lab.owner.say({ channel: lab.channel, content: '@homelab how are you?' })
    await lab.seen('I only know commands')
    await lab.owner.say({ channel: lab.channel, content: '@homelab anybody there?' })
    await lab.owner.say({ channel: lab.channel, content: 'restart plex, somebody said' })
    await lab.owner.say({ channel: lab.channel, content: '@homelab node list' })
    await lab.seen('pve')
    expect((await lab.cards()).filter(({ text }) => text.includes('I only know'))).toHaveLength(1)
    expect(await lab.restarts()).toBe(1)

    await lab.owner.dm('whoami')
    expect((await lab.told(lab.owner, 'discord:')).text).toContain(lab.owner.id)
  })

  it('does an interaction that is delivered twice once', async () => {
    await lab.discord.fault({ duplicate: 3 })
    await lab.owner.command(lab.restart())
    await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(await lab.cards()).toHaveLength(1)
    expect((await lab.discord.counts()).failedAcks).toBe(0)
  })

  it('loses no card and doubles none when calls are refused, limited and lost', async () => {
    await lab.discord.fault({ dropCreates: 1 })
    await lab.owner.say({ channel: lab.channel, content: '@homelab restart plex' })
    await lab.happened({ kind: 'message', change: 'created', text: '~plex|On it' })
    await lab.discord.fault({ restErrors: 1, errorStatus: 502 })
    await lab.happened({ kind: 'rest', status: 502 }, { timeoutMs: 20_000 })
    await lab.discord.fault({ limited: 1, retryAfter: 0.5 })
    await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(await lab.cards()).toHaveLength(1)
  })

  it('ends work that outlives its 15 minutes in the same message', async () => {
    await lab.simulator.fault({ taskMs: { vzreboot: 4_000 } })
    await lab.owner.command(lab.restart())
    await lab.happened({ kind: 'message', change: 'edited' })
    await lab.discord.ahead(15 * 60_000)
    const ended = await lab.seen('✅')
    await lab.discord.ahead(0)
    expect(await lab.restarts()).toBe(1)
    expect(await lab.cards()).toEqual([ended])
    expect((await lab.discord.counts()).rest['PATCH /channels/:channel/messages/:message']).toBeGreaterThan(0)
  })

  it('shows the end anew when its message was deleted', async () => {
    await lab.simulator.fault({ taskMs: { vzreboot: 3_000 } })
    await lab.owner.command(lab.restart())
    await lab.happened({ kind: 'message', change: 'edited' })
    const [card] = await lab.cards()
    await lab.discord.deleteMessage(card?.id ?? '')
    const ended = await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect((await lab.cards()).map(({ id }) => id)).toEqual([ended.id])
  })

  it('acknowledges again when the answer to it was lost', async () => {
    await lab.discord.fault({ dropCallbacks: 1 })
    await lab.owner.command(lab.restart())
    await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(await lab.cards()).toHaveLength(1)
  })

  it('resumes a connection that was cut, and does what was typed meanwhile', async () => {
    await lab.discord.fault({ refuseGateway: true })
    await lab.discord.gateway('cut')
    await lab.owner.say({ channel: lab.channel, content: '@homelab restart plex' })
    await lab.discord.fault({ refuseGateway: false })
    await lab.seen('✅')
    expect(await lab.restarts()).toBe(1)
    expect(await lab.discord.counts()).toMatchObject({ identifies: 0, resumes: 1 })
  })

  it('tells the ops channel when a session is lost', async () => {
    await lab.discord.gateway('invalid')
    await lab.happened({ kind: 'gateway', event: 'identified' }, { timeoutMs: 20_000 })
    expect((await lab.seen('Back on Discord', 'ops')).text).toContain('please repeat it')
    await lab.owner.command(lab.restart())
    await lab.seen('✅')
  })

  it('is told that its token was revoked, last of all', async () => {
    await lab.discord.fault({ tokenRevoked: true })
    await bot.printed(/Discord refuses the token in discord\.token/)
    expect((await health(bot)).platforms).toEqual({ discord: 'refused' })
    await lab.discord.fault({ tokenRevoked: false })
  })
})

it('notices a socket that fell silent, and leaves it for another', async () => {
  await using open = new AsyncDisposableStack()
  const fast = open.use(await startDiscord({ speed: 0.02, channels: 1 }))
  const bot = await lab.connected(open, {}, fast)
  await fast.gateway('deaf')
  await fast.person('owner').say({ channel: 'c-001', content: '@homelab restart plex' })
  await fast.waitForText('c-001', '✅')
  expect(await lab.restarts()).toBe(1)
  expect(await fast.counts()).toMatchObject({ identifies: 1, resumes: 1 })
  expect((await health(bot)).platforms).toEqual({ discord: 'connected' })
})
