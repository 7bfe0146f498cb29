/** A Proxmox, a Discord and a Slack, each a process of its own that outlives the bot, and the bot between them. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Secret } from '@homelab/core'
import { type ApiClient, createApiClient } from '../../../bot/src/api/client.ts'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../../support/bot.ts'
import { type Discord, type DiscordOptions, startDiscord } from '../../support/discord.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../support/simulator.ts'
import { type SlackOptions, type SlackPeer, startSlack } from '../../support/slack.ts'

export interface ChatLabOptions {
  readonly simulator?: SimulatorOptions
  readonly discord?: DiscordOptions
  readonly slack?: SlackOptions
  /** More lines of homelab.yaml, such as `services:`. */
  readonly more?: (simulator: Simulator, discord: Discord, slack: SlackPeer) => Promise<string> | string
  /** Without the channel that gets notices, the bot looks for nothing by itself. */
  readonly ops?: boolean
}

export interface ChatLab extends AsyncDisposable {
  readonly simulator: Simulator
  readonly discord: Discord
  readonly slack: SlackPeer
  /** Of the bot's state. */
  readonly folder: string
  /** Starts one; resolves when both platforms have it. */
  start(options?: StartOptions): Promise<BotProcess>
  /** `kill -9`. */
  kill(bot: BotProcess): Promise<void>
  /** The API that a terminal uses. */
  client(bot: BotProcess): Promise<ApiClient>
}

export interface StartOptions {
  /** Resolve as soon as the process is ready, connected or not. */
  readonly early?: boolean
  /** Over the environment of this process. */
  readonly env?: NodeJS.ProcessEnv
}

/** Discord: Ada is `owner`, an admin; Bea is `partner`. Slack: `anna` is an admin. Everybody else may only look. */
const people = ({ ready }: Discord, { info }: SlackPeer): string => `
people:
  ada: { role: admin, discord: "${ready.users.owner}", slack: ${info.users.anna} }
  bea: { role: operator, discord: "${ready.users.partner}", slack: ${info.users.ben} }
  kit: { role: viewer, discord: "${ready.users.kid}", slack: ${info.users.kid} }
`

function channels({ ready }: Discord, { info }: SlackPeer, ops: boolean): string {
  if (!ops) return ''
  const lines = [
    ...Object.entries(ready.channels).map(
      ([name, id]) => `  d-${name}: { discord: "${id}", ops: ${name === 'ops'} }`,
    ),
    // Not the one that the bot is not in.
    ...Object.entries(info.channels)
      .filter(([name]) => name !== 'random')
      .map(([name, id]) => `  s-${name}: { slack: ${id}, ops: ${name === 'ops'} }`),
  ]
  return `channels:\n${lines.join('\n')}\n`
}

const CONNECTED_MS = 30_000

const platformsOf = async ({ url }: BotProcess): Promise<Readonly<Record<string, string>>> =>
  ((await (await fetch(`${url}/healthz`)).json()) as { platforms: Record<string, string> }).platforms

async function isConnected(bot: BotProcess): Promise<boolean> {
  const { discord, slack } = await platformsOf(bot)
  return discord === 'connected' && slack === 'connected'
}

export async function openChatLab(options: ChatLabOptions = {}): Promise<ChatLab> {
  await using stack = new AsyncDisposableStack()
  const home = stack.use(await homeFolder())
  const [simulator, discord, slack] = await Promise.all([
    startSimulator(options.simulator).then((one) => stack.use(one)),
    startDiscord(options.discord).then((one) => stack.use(one)),
    startSlack(options.slack).then((one) => stack.use(one)),
  ])
  // Slack gives out about a socket a minute: a bot that is killed so often would wait for most of the time.
  await slack.fault({ limits: { '*': options.slack?.limits ?? 1, 'apps.connections.open': 0 } })
  await writeFileFor(simulator, home.path, {
    more: `
discord: { token: env:TEST_DISCORD, guild: "${discord.ready.guild}", api: "${discord.ready.api}" }
slack: { token: env:TEST_SLACK, app_token: env:TEST_SLACK_APP, api: "${slack.info.api}" }
${people(discord, slack)}${channels(discord, slack, options.ops === true)}${(await options.more?.(simulator, discord, slack)) ?? ''}`,
  })
  const env = {
    ...environment(simulator),
    TEST_DISCORD: discord.ready.token,
    TEST_SLACK: slack.info.botToken,
    TEST_SLACK_APP: slack.info.appToken,
  }
  const owned = stack.move()
  return {
    simulator,
    discord,
    slack,
    folder: join(home.path, 'state'),
    async start({ early = false, env: over = {} } = {}) {
      const bot = await startBot([], { ...env, LOG_LEVEL: 'info', ...over }, home.path)
      if (early) return bot
      for (const until = performance.now() + CONNECTED_MS; !(await isConnected(bot)); await delay(50)) {
        if (performance.now() < until) continue
        await using _ = bot
        throw new Error(`the bot did not connect: ${JSON.stringify(await platformsOf(bot))} ${bot.output()}`)
      }
      return bot
    },
    async kill(bot) {
      bot.signal('SIGKILL')
      await bot.exited
    },
    async client(bot) {
      const token = await readFile(join(home.path, 'state', 'api-token'), 'utf8')
      return createApiClient({ url: bot.url, token: new Secret(token.trim()), giveUpMs: 500 })
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
