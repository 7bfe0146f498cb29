/** The bot in Discord, as people there meet it: the lab's end state first, then what they read, then the calls. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import {
  type Discord,
  type DiscordCounts,
  type DiscordEvent,
  type Person,
  type SeenMessage,
  startDiscord,
} from '../support/discord.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let discord: Discord
let owner: Person
let partner: Person
let kid: Person
/** Each test has a channel of its own, so that a bot can serve many. */
let channel: string
let mark = 0
let tests = 0

beforeAll(async () => {
  simulator = await startSimulator()
  discord = await startDiscord({ channels: 40 })
  owner = discord.person('owner')
  partner = discord.person('partner')
  kid = discord.person('kid')
})
afterAll(async () => {
  await discord?.stop()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.reset()
  await discord.resetCounts()
  tests += 1
  channel = `c-${String(tests).padStart(3, '0')}`
  mark = await discord.mark()
})

interface Options {
  readonly token?: string
  readonly guild?: string | null
  readonly folder?: string
}

const fileFor = ({ ready }: Discord) => `
confirm: [stop]
people:
  owner: { role: admin, discord: '${ready.users.owner}' }
  partner: { role: operator, discord: '${ready.users.partner}' }
  kid: { role: viewer, discord: '${ready.users.kid}' }
channels:
  ops: { discord: '${ready.channels.ops}', ops: true }
${Object.entries(ready.channels)
  .filter(([name]) => name.startsWith('c-'))
  .map(([name, id]) => `  ${name}: { discord: '${id}' }\n`)
  .join('')}`

async function start(open: AsyncDisposableStack, options: Options = {}, peer = discord): Promise<BotProcess> {
  const path = options.folder ?? open.use(await homeFolder()).path
  const plex = simulator.lab.services.plex
  const { api, guild } = peer.ready
  const scope = options.guild === null ? '' : `, guild: '${options.guild ?? guild}'`
  const file = await writeFileFor(simulator, path, {
    more: `services:\n  plex: { guest: 110, address: ${plex?.host}, port: ${plex?.port} }
${fileFor(peer)}
discord: { token: env:TEST_DISCORD${scope}, api: "${api}" }\n`,
  })
  const env = { ...environment(simulator), TEST_DISCORD: options.token ?? peer.ready.token }
  return open.use(await startBot(['--config', file], env, path))
}

/** With its commands registered. */
async function connected(
  open: AsyncDisposableStack,
  options: Options = {},
  peer = discord,
): Promise<BotProcess> {
  await peer.reset()
  const after = await peer.mark()
  const bot = await start(open, options, peer)
  await peer.waitFor({ kind: 'commands' }, { after })
  return bot
}

const seen = (pattern: string, where = channel) => discord.waitForText(where, pattern, { after: mark })
const happened = (
  match: Partial<Omit<DiscordEvent, 'id' | 'at'>>,
  more: { readonly count?: number; readonly timeoutMs?: number } = {},
) => discord.waitFor(match, { after: mark, ...more })

const restarts = async () => (await simulator.counts()).changes[110]?.reboot ?? 0
const stateOf = async (vmid: number) =>
  (await simulator.state()).guests.find((guest) => guest.vmid === vmid)?.state

/** What the bot said there, oldest first. */
const cards = async (where = channel, as?: string): Promise<readonly SeenMessage[]> =>
  (await discord.read(where, as)).filter(({ author }) => author.bot)

const health = async (bot: BotProcess): Promise<{ status: string; platforms: Record<string, string> }> =>
  (await (await fetch(`${bot.url}/healthz`)).json()) as { status: string; platforms: Record<string, string> }

const restart = () => ({ channel, path: ['restart'], options: { services: 'plex' } })
const stop = () => ({ channel, path: ['stop'], options: { services: 'plex' } })

const callsIn = ({ rest }: DiscordCounts) => Object.values(rest).reduce((sum, calls) => sum + calls, 0)

describe('a bot in Discord', () => {
  const open = new AsyncDisposableStack()
  let bot: BotProcess
  beforeAll(async () => {
    bot = await connected(open)
  })
  afterEach(() => discord.fault({ restErrors: 0, limited: 0, duplicate: 0 }))
  afterAll(() => open.disposeAsync())

  it('acknowledges a command at once, does it once, and ends in its one message', async () => {
    expect(await owner.command(restart())).toMatchObject({ state: 'thinking', notice: null })
    const ended = await seen('✅')
    expect(await restarts()).toBe(1)
    expect(ended.embeds[0]?.title).toContain('plex')
    expect(await cards()).toEqual([ended])
    expect(await discord.counts()).toMatchObject({ failedAcks: 0, pings: {} })
  })

  it('answers what is mistyped to the asker alone, with a form that does it', async () => {
    await owner.command({ channel, path: ['do'], options: { command: 'restart' } })
    const wrong = await seen('services is missing')
    expect(wrong.ephemeral).toBe(true)
    expect(await cards(channel, 'partner')).toEqual([])
    const { modal } = await owner.click({ message: wrong.id, label: 'Fill in the form' })
    expect(modal).toMatchObject({ title: 'Restart a service' })
    await owner.submit({ fields: { services: 'plex' } })
    await seen('✅')
    expect(await restarts()).toBe(1)
  })

  it('refuses what one may not do to the asker alone, and changes nothing', async () => {
    await kid.command(restart())
    const refused = await seen('needs the role operator')
    expect(refused.ephemeral).toBe(true)
    expect(await cards(channel, 'owner')).toEqual([])
    expect(await restarts()).toBe(0)
  })

  it('completes with what is there, and with nothing that one may not do', async () => {
    const typing = async (person: Person, option: string, path: readonly string[], typed: string) => {
      const act = { channel, path, option, options: { [option]: typed } }
      return ((await person.autocomplete(act)).choices ?? []).map(({ value }) => value)
    }
    expect(await typing(owner, 'services', ['restart'], 'ple')).toEqual(['plex'])
    expect(await typing(owner, 'command', ['do'], 'resta')).toEqual(['restart'])
    expect(await typing(kid, 'command', ['do'], 'resta')).toEqual([])
  })

  it('asks whoever asked, and does nothing on no', async () => {
    await partner.command(stop())
    const asked = await seen('Nothing happens until you confirm')
    const other = await owner.click({ message: asked.id, label: 'Confirm' })
    expect(other.message).toMatchObject({ ephemeral: true })
    expect(other.message?.content).toContain('can answer this')
    await partner.click({ message: asked.id, label: 'Cancel' })
    await seen('said no')
    expect(await stateOf(110)).toBe('running')
    expect((await cards(channel, 'partner')).map(({ buttons }) => buttons)).toEqual([[]])
  })

  it('does it on yes, once, however often the button is pressed', async () => {
    await partner.command(stop())
    const asked = await seen('Nothing happens until you confirm')
    await discord.fault({ duplicate: 1 })
    const click = { message: asked.id, customId: asked.buttons[0]?.customId ?? '' }
    await Promise.all([partner.click(click), partner.click(click).catch(() => undefined)])
    await seen('✅')
    expect(await stateOf(110)).toBe('stopped')
    expect((await simulator.counts()).changes[110]).toEqual({ shutdown: 1 })
  })

  it('says that a card has changed to whoever presses a button of before', async () => {
    await partner.command(stop())
    const asked = await seen('Nothing happens until you confirm')
    const [confirm, cancel] = asked.buttons.map(({ customId }) => customId ?? '')
    // The message still has its buttons when the second one is pressed.
    await discord.fault({ restDelayMs: 1_000 })
    const first = partner.click({ message: asked.id, customId: cancel ?? '' })
    await happened({ kind: 'interaction', type: 'component' })
    const second = await partner.click({ message: asked.id, customId: confirm ?? '' })
    expect(second.message).toMatchObject({
      ephemeral: true,
      content: expect.stringContaining('This card has changed'),
    })
    await first
    await discord.fault({ restDelayMs: 0 })
    await seen('said no')
    expect(await stateOf(110)).toBe('running')
  })

  it('takes mentions and direct messages for commands, and gives plain words a nudge, once', async () => {
    await owner.say({ channel, content: '@homelab restart plex' })
    const ended = await seen('✅')
    expect(await restarts()).toBe(1)
    expect(ended.replyTo).not.toBeNull()
    expect(ended.pings).toEqual({ users: [], roles: [], everyone: false })

    await owner.say({ channel, content: '@homelab how are you?' })
    await seen('I only know commands')
    await owner.say({ channel, content: '@homelab anybody there?' })
    await owner.say({ channel, content: 'restart plex, somebody said' })
    await owner.say({ channel, content: '@homelab whoami' })
    await seen('discord:')
    expect((await cards()).filter(({ text }) => text.includes('I only know'))).toHaveLength(1)
    expect(await restarts()).toBe(1)

    await owner.dm('whoami')
    await happened({ kind: 'message', channel: (await discord.state()).channels['@owner'] ?? '~.' })
  })

  it('does an interaction that is delivered twice once', async () => {
    await discord.fault({ duplicate: 3 })
    await owner.command(restart())
    await seen('✅')
    expect(await restarts()).toBe(1)
    expect(await cards()).toHaveLength(1)
    expect((await discord.counts()).failedAcks).toBe(0)
  })

  it('loses no card and doubles none when calls are refused, limited and lost', async () => {
    await discord.fault({ dropCreates: 1 })
    await owner.say({ channel, content: '@homelab restart plex' })
    await happened({ kind: 'message', change: 'created', text: '~plex|On it' })
    await discord.fault({ restErrors: 1, errorStatus: 502 })
    await happened({ kind: 'rest', status: 502 }, { timeoutMs: 20_000 })
    await discord.fault({ limited: 1, retryAfter: 0.5 })
    await seen('✅')
    expect(await restarts()).toBe(1)
    expect(await cards()).toHaveLength(1)
  })

  it('ends work that outlives its 15 minutes in the same message', async () => {
    await simulator.fault({ taskMs: { vzreboot: 4_000 } })
    await owner.command(restart())
    await happened({ kind: 'message', change: 'edited' })
    await discord.ahead(15 * 60_000)
    const ended = await seen('✅')
    await discord.ahead(0)
    expect(await restarts()).toBe(1)
    expect(await cards()).toEqual([ended])
    expect((await discord.counts()).rest['PATCH /channels/:channel/messages/:message']).toBeGreaterThan(0)
  })

  it('shows the end anew when its message was deleted', async () => {
    await simulator.fault({ taskMs: { vzreboot: 3_000 } })
    await owner.command(restart())
    await happened({ kind: 'message', change: 'edited' })
    const [card] = await cards()
    await discord.deleteMessage(card?.id ?? '')
    const ended = await seen('✅')
    expect(await restarts()).toBe(1)
    expect((await cards()).map(({ id }) => id)).toEqual([ended.id])
  })

  it('acknowledges again when the answer to it was lost', async () => {
    await discord.fault({ dropCallbacks: 1 })
    await owner.command(restart())
    await seen('✅')
    expect(await restarts()).toBe(1)
    expect(await cards()).toHaveLength(1)
  })

  it('resumes a connection that was cut, and does what was typed meanwhile', async () => {
    await discord.fault({ refuseGateway: true })
    await discord.gateway('cut')
    await owner.say({ channel, content: '@homelab restart plex' })
    await discord.fault({ refuseGateway: false })
    await seen('✅')
    expect(await restarts()).toBe(1)
    expect(await discord.counts()).toMatchObject({ identifies: 0, resumes: 1 })
  })

  it('tells the ops channel when a session is lost', async () => {
    await discord.gateway('invalid')
    await happened({ kind: 'gateway', event: 'identified' }, { timeoutMs: 20_000 })
    expect((await seen('Back on Discord', 'ops')).text).toContain('please repeat it')
    await owner.command(restart())
    await seen('✅')
  })

  it('is told that its token was revoked, last of all', async () => {
    await discord.fault({ tokenRevoked: true })
    await bot.printed(/Discord refuses the token in discord\.token/)
    expect((await health(bot)).platforms).toEqual({ discord: 'refused' })
    await discord.fault({ tokenRevoked: false })
  })
})

it('notices a socket that fell silent, and leaves it for another', async () => {
  await using open = new AsyncDisposableStack()
  const fast = open.use(await startDiscord({ speed: 0.02, channels: 1 }))
  const bot = await connected(open, {}, fast)
  await fast.gateway('deaf')
  await fast.person('owner').say({ channel: 'c-001', content: '@homelab restart plex' })
  await fast.waitForText('c-001', '✅')
  expect(await restarts()).toBe(1)
  expect(await fast.counts()).toMatchObject({ identifies: 1, resumes: 1 })
  expect((await health(bot)).platforms).toEqual({ discord: 'connected' })
})

describe('a bot that dies', () => {
  it('in the middle of its work goes on in the same message', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await connected(open, { folder })
    await simulator.fault({ taskMs: { vzreboot: 3_000 } })
    await owner.command(restart())
    await simulator.waitFor({ kind: 'task', type: 'vzreboot' })
    bot.signal('SIGKILL')
    await bot.exited
    await start(open, { folder })
    const ended = await seen('✅')
    expect(await restarts()).toBe(1)
    expect(await cards()).toEqual([ended])
    expect(await discord.counts()).toMatchObject({ identifies: 1, resumes: 1, commandCreates: 1 })
  })

  it('between question and answer says that nothing was done', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await connected(open, { folder })
    await owner.command(stop())
    await seen('Nothing happens until you confirm')
    bot.signal('SIGKILL')
    await bot.exited
    await start(open, { folder })
    const ended = await seen('nothing was done')
    expect(await stateOf(110)).toBe('running')
    expect(await cards()).toEqual([ended])
  })

  it('finds what was typed to it while it was away', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await connected(open, { folder })
    bot.signal('SIGTERM')
    await bot.exited
    await owner.say({ channel, content: '@homelab restart plex' })
    await start(open, { folder })
    await seen('✅')
    expect(await restarts()).toBe(1)
  })
})

describe('what cannot work', () => {
  it('a token that was reset is told with what to do, and not tried again', async () => {
    await using open = new AsyncDisposableStack()
    await discord.reset()
    await discord.fault({ tokenRevoked: true })
    const bot = await start(open)
    await bot.printed(/Discord refuses the token in discord\.token/)
    expect(bot.output()).toContain('Reset Token')
    await delay(3_000)
    expect(callsIn(await discord.counts())).toBe(1)
    expect(await health(bot)).toMatchObject({ status: 'deaf', platforms: { discord: 'refused' } })
  })

  it('a token that is none is sent nowhere', async () => {
    await using open = new AsyncDisposableStack()
    await discord.reset()
    const bot = await start(open, { token: 'xoxb-1-not-of-discord' })
    await bot.printed(/discord\.token is no token of a Discord bot/)
    expect((await discord.counts()).rest).toEqual({})
    expect(bot.output()).not.toContain('xoxb-1')
  })

  it('a server that the bot may not offer commands in is named, with the link that invites it', async () => {
    await using open = new AsyncDisposableStack()
    await discord.reset()
    await discord.fault({ noCommandScope: true })
    const bot = await start(open)
    await bot.printed(/does not let the bot offer its commands/)
    expect(bot.output()).toMatch(/oauth2\/authorize\?client_id=\d+&scope=bot\+applications\.commands/)
    expect(await health(bot)).toMatchObject({ platforms: { discord: 'refused' } })
  })

  it('a Discord that is out of reach is tried again, and found', async () => {
    await using open = new AsyncDisposableStack()
    await discord.reset()
    await discord.fault({ refuseRest: true })
    mark = await discord.mark()
    const bot = await start(open)
    await bot.printed(/Discord cannot be reached/)
    await discord.fault({ refuseRest: false })
    await happened({ kind: 'commands' }, { timeoutMs: 20_000 })
    await owner.command(restart())
    await seen('✅')
    expect((await health(bot)).status).toBe('ok')
  })
})

describe('the commands', () => {
  it('are offered in one place, and move with the setting', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await connected(open, { folder })
    const names = async () => {
      const { global, guild } = await discord.commands()
      return [global.map(({ name }) => name), guild.map(({ name }) => name)]
    }
    expect(await names()).toEqual([[], ['homelab']])
    bot.signal('SIGTERM')
    await bot.exited
    const after = await discord.mark()
    await start(open, { folder, guild: null })
    await discord.waitFor({ kind: 'commands' }, { after, count: 2 })
    expect(await names()).toEqual([['homelab'], []])
    expect(await owner.commands()).toHaveLength(1)
  })

  it('cost one look at a start, and nothing while nobody asks', async () => {
    await using open = new AsyncDisposableStack()
    const folder = open.use(await homeFolder()).path
    const bot = await connected(open, { folder })
    await bot.printed(/discord: connected/)
    bot.signal('SIGTERM')
    await bot.exited
    await discord.resetCounts()
    const after = await discord.mark()
    await start(open, { folder })
    await discord.waitFor({ kind: 'gateway', event: 'resumed' }, { after })
    await delay(2_000)
    expect((await discord.counts()).rest).toEqual({
      'GET /gateway/bot': 1,
      'GET /applications/:application/guilds/:guild/commands': 1,
    })
  })
})
