/** The whole bot on a simulated lab and a Discord, for a file of tests. */
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from './bot.ts'
import { type Discord, type DiscordEvent, type Person, type SeenMessage, startDiscord } from './discord.ts'
import { type Simulator, startSimulator } from './simulator.ts'

export interface StartOptions {
  readonly token?: string
  /** null: everywhere. */
  readonly guild?: string | null
  readonly folder?: string
  /** Lines under `services`, beside plex. */
  readonly services?: string
  /** Instead of the usual people and channels. */
  readonly file?: string
}

/** What the peer's control port does beside the acts that have a name of their own. */
export async function control(peer: Discord, path: string, body: object): Promise<void> {
  const response = await fetch(`${peer.ready.control}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
}

/** owner is admin, partner operator, kid viewer; `stop` is asked for; `ops` gets the notices. */
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

export const health = async (
  bot: BotProcess,
): Promise<{ readonly status: string; readonly platforms: Readonly<Record<string, string>> }> =>
  (await (await fetch(`${bot.url}/healthz`)).json()) as Awaited<ReturnType<typeof health>>

/** Made once in a file; each test has a channel of its own, so that one bot can serve many. */
export function discordLab() {
  let simulator: Simulator
  let discord: Discord
  let channel = ''
  let mark = 0
  let tests = 0

  beforeAll(async () => {
    simulator = await startSimulator()
    discord = await startDiscord({ channels: 40 })
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

  async function start(
    open: AsyncDisposableStack,
    options: StartOptions = {},
    peer = discord,
  ): Promise<BotProcess> {
    const path = options.folder ?? open.use(await homeFolder()).path
    const plex = simulator.lab.services.plex
    const { api, guild } = peer.ready
    const scope = options.guild === null ? '' : `, guild: '${options.guild ?? guild}'`
    const file = await writeFileFor(simulator, path, {
      more: `services:\n  plex: { guest: 110, address: ${plex?.host}, port: ${plex?.port} }
${options.services ?? ''}
${options.file ?? fileFor(peer)}
discord: { token: env:TEST_DISCORD${scope}, api: "${api}" }\n`,
    })
    const env = { ...environment(simulator), TEST_DISCORD: options.token ?? peer.ready.token }
    return open.use(await startBot(['--config', file], env, path))
  }

  return {
    get simulator() {
      return simulator
    },
    get discord() {
      return discord
    },
    get owner(): Person {
      return discord.person('owner')
    },
    get partner(): Person {
      return discord.person('partner')
    },
    get kid(): Person {
      return discord.person('kid')
    },
    /** This test's own. */
    get channel() {
      return channel
    },
    start,
    /** On a new Discord, with its commands registered. */
    async connected(
      open: AsyncDisposableStack,
      options: StartOptions = {},
      peer = discord,
    ): Promise<BotProcess> {
      await peer.reset()
      const after = await peer.mark()
      const bot = await start(open, options, peer)
      await peer.waitFor({ kind: 'commands' }, { after })
      return bot
    },
    /** What comes from now on. */
    async markNow() {
      mark = await discord.mark()
    },
    seen: (pattern: string, where = channel) => discord.waitForText(where, pattern, { after: mark }),
    happened: (
      match: Partial<Omit<DiscordEvent, 'id' | 'at'>>,
      more: { readonly count?: number; readonly timeoutMs?: number } = {},
    ) => discord.waitFor(match, { after: mark, ...more }),
    /** What the bot said to somebody directly. */
    async told(person: Person, pattern: string): Promise<SeenMessage> {
      const author = discord.ready.application
      for (let count = 1; count <= 50; count++) {
        // What it said in a channel does not count.
        await discord.waitFor({ kind: 'message', author, text: `~${pattern}` }, { after: mark, count })
        const said = (await discord.read(`@${person.name}`)).filter((one) => one.author.id === author)
        const found = said.findLast(({ text }) => new RegExp(pattern).test(text))
        if (found !== undefined) return found
      }
      throw new Error(`the bot did not say "${pattern}" to ${person.name} directly`)
    },
    /** What the bot said there, oldest first. */
    cards: async (where = channel, as?: string): Promise<readonly SeenMessage[]> =>
      (await discord.read(where, as)).filter(({ author }) => author.bot),
    restarts: async () => (await simulator.counts()).changes[110]?.reboot ?? 0,
    stateOf: async (vmid: number) =>
      (await simulator.state()).guests.find((guest) => guest.vmid === vmid)?.state,
    restart: () => ({ channel, path: ['restart'], options: { services: 'plex' } }),
    stop: () => ({ channel, path: ['stop'], options: { services: 'plex' } }),
  }
}
