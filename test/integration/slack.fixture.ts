/** The whole bot with a Slack and a Proxmox of their own, and what tests of it ask again and again. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import {
  type SeenMessage,
  type SlackEvent,
  type SlackFaults,
  type SlackOptions,
  type SlackPeer,
  startSlack,
} from '../support/slack.ts'

export interface World extends AsyncDisposable {
  readonly lab: Simulator
  readonly slack: SlackPeer
  readonly bot: () => BotProcess
  /** Starts the bot, again if need be, and resolves when it has heard from Slack. */
  start(options?: StartOptions): Promise<BotProcess>
  /** As the system ends a process that nobody asked. */
  kill(): Promise<void>
  stop(): Promise<void>
  /** The newest message that shows this, once it does. */
  shows(channel: string, pattern: RegExp, options?: { as?: string; thread?: string }): Promise<SeenMessage>
  /** How many times this guest was really rebooted, stopped, … */
  changes(vmid: number): Promise<Readonly<Record<string, number>>>
  health(): Promise<string | undefined>
  /** A channel that nothing was said in yet. */
  fresh(): string
  /** Nothing is wrong any more, on either side. */
  reset(): Promise<void>
  /** Between two starts: as if nothing had been heard from Slack since then. */
  awaySince(date: Date): void
}

export interface StartOptions {
  /** Instead of Socket Mode. */
  readonly http?: number
  readonly token?: string
  readonly appToken?: string
  /** Do not wait for a connection. */
  readonly alone?: boolean
}

/** Channels for one test each: what is still on its way from the one before it does not get into its sight. */
const ownChannels = 40

const noFaults: SlackFaults = {
  duplicateEnvelopes: 0,
  duplicateEvents: 0,
  refuseConnections: '',
  deaf: false,
  deafEvents: false,
  slowMs: 0,
  answer500: 0,
  answer503: 0,
  rateLimited: {},
  cutAfterPost: 0,
  token: '',
  editWindowClosed: false,
  signature: 'good',
  replay: 0,
}

const anyOf = (...kinds: readonly SlackEvent['kind'][]) => `~^(${kinds.join('|')})$` as SlackEvent['kind']

/** @param more of homelab.yaml, below everything else */
export async function startWorld(options: SlackOptions = {}, more = ''): Promise<World> {
  const [lab, slack, home] = await Promise.all([
    startSimulator(),
    startSlack({ limits: 0, channels: ownChannels, ...options }),
    homeFolder(),
  ])
  const { channels, users, groups, api } = slack.info
  let bot: BotProcess | undefined
  let used = 0
  const running = (): BotProcess => {
    if (bot === undefined) throw new Error('no bot')
    return bot
  }

  const yaml = (link: string) => `
slack: { token: env:SLACK_TOKEN, ${link}, api: "${api.replace(/\/$/, '')}" }
channels:
${Array.from({ length: ownChannels }, (_, n) => `  c${n + 1}: { slack: ${channels[`c${n + 1}`]} }`).join('\n')}
  general: { slack: ${channels.general} }
  random: { slack: ${channels.random} }
  ops: { slack: ${channels.ops}, ops: true }
people:
  anna: { role: admin, slack: ${users.anna} }
  kid: { role: viewer, slack: ${users.kid} }
  helpers: { role: operator, slack_group: ${groups.operators} }
confirm: [stop]
services:
  plex: { guest: 110, address: ${lab.lab.services.plex?.host}, port: ${lab.lab.services.plex?.port} }
${more}`

  async function start({ http, token, appToken, alone }: StartOptions = {}): Promise<BotProcess> {
    const link =
      http === undefined ? 'app_token: env:SLACK_APP' : `signing_secret: env:SLACK_SIGNING, port: ${http}`
    const file = await writeFileFor(lab, home.path, { more: yaml(link) })
    const env = {
      ...environment(lab),
      SLACK_TOKEN: token ?? slack.info.botToken,
      SLACK_APP: appToken ?? slack.info.appToken,
      SLACK_SIGNING: slack.info.signingSecret,
    }
    const after = await slack.mark()
    bot = await startBot(['--config', file], env, home.path)
    if (http === undefined && alone !== true)
      await slack.waitFor({ kind: 'socket', state: 'connected' }, { after })
    return bot
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const old = running()
    bot = undefined
    old.signal(signal)
    await old.exited
  }

  async function shows(
    channel: string,
    pattern: RegExp,
    reading: { as?: string; thread?: string } = {},
  ): Promise<SeenMessage> {
    for (;;) {
      const after = await slack.mark()
      const messages = await slack.read(channel, reading)
      const found = messages.findLast(({ visible }) => pattern.test(visible))
      if (found !== undefined) return found
      // Whatever happens next may be it.
      await slack
        .waitFor({ kind: anyOf('posted', 'updated', 'file') }, { after, timeoutMs: 20_000 })
        .catch(() => {
          const seen = messages.map(({ visible }) => visible).join('\n---\n')
          throw new Error(`no ${pattern} in ${channel}:\n${seen}\n======\n${bot?.output()}`)
        })
    }
  }

  return {
    lab,
    slack,
    bot: running,
    start,
    shows,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    changes: async (vmid) => (await lab.counts()).changes[vmid] ?? {},
    async health() {
      const answer = (await (await fetch(`${running().url}/healthz`)).json()) as {
        readonly platforms: Readonly<Record<string, string>>
      }
      return answer.platforms.slack
    },
    fresh() {
      used += 1
      return `c${used}`
    },
    async reset() {
      await lab.reset()
      await slack.fault({ ...noFaults, limits: { '*': 0 } })
    },
    awaySince(date) {
      using db = new DatabaseSync(join(home.path, 'state', 'desk.db'))
      const value = JSON.stringify({ ts: (date.getTime() / 1000).toFixed(6), directs: [] })
      db.prepare('update facts set value = ? where name = ?').run(value, 'slack.seen')
    },
    async [Symbol.asyncDispose]() {
      await bot?.[Symbol.asyncDispose]()
      await Promise.all([slack.stop(), lab.stop()])
      await home[Symbol.asyncDispose]()
    },
  }
}
