/** A command in a chat: how soon it is acknowledged, and how late its last card is, with a Proxmox that takes 2 s behind it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isHomelabError } from '@homelab/core'
import type { ApiClient } from '../../bot/src/api/client.ts'
import { type ChatLab, openChatLab } from '../faults/support/chat-lab.ts'
import { type Discord, startDiscord } from '../support/discord.ts'
import { type SlackPeer, startSlack } from '../support/slack.ts'
import { startAndWait } from './support/bot.ts'
import type { Bench, Row } from './support/row.ts'
import { percentile } from './support/stats.ts'

const PER_SECOND = 50
const CHANNELS = 100
const COMMANDS = Number(process.env.CHAT_COMMANDS ?? 5_000)
const BARE_COMMANDS = 1_000
const WARM_UP = 50
const PROXMOX_MS = 2_000
const SAMPLED = 100
const SLACK_SAMPLED = 20

/** What people type most: all but the last ask Proxmox. */
const paths = [['status'], ['guest', 'list'], ['node', 'list'], ['task', 'list'], ['whoami']] as const

const channelOf = (platform: 'discord' | 'slack', index: number): string => {
  const number = (index % CHANNELS) + 1
  return platform === 'discord' ? `c-${String(number).padStart(3, '0')}` : `c${number}`
}

/** At fixed times, however long the last one took. Resolves when every one was acknowledged or given up. */
async function atPace<T>(count: number, ask: (index: number) => Promise<T>): Promise<readonly T[]> {
  const began = performance.now()
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await sleep(Math.max(0, began + (index * 1000) / PER_SECOND - performance.now()))
      return await ask(index)
    }),
  )
}

interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly failed: number
}

const onDiscord = async (discord: Discord): Promise<Latency> => {
  const { latency, failedAcks } = await discord.counts()
  return { ...latency, failed: failedAcks }
}
const onSlack = async (slack: SlackPeer): Promise<Latency> => {
  const { latency, acks } = await slack.counts()
  return { ...latency, failed: acks.failed }
}

const bareScript = fileURLToPath(new URL('support/chat-bare.ts', import.meta.url))

async function bareDiscord(mode: 'defer' | 'late'): Promise<Latency> {
  await using discord = await startDiscord({ channels: CHANNELS, speed: 1 })
  const { api, token, application, guild } = discord.ready
  const options = { platform: 'discord', mode, api, token, application, guild, workMs: 2 * PROXMOX_MS }
  await using _ = await startAndWait([bareScript, JSON.stringify(options)])
  const owner = discord.person('owner')
  await owner.command({ channel: channelOf('discord', 0), path: ['status'] })
  await discord.resetCounts()
  await atPace(BARE_COMMANDS, (index) =>
    owner.command({ channel: channelOf('discord', index), path: ['status'] }),
  )
  return await onDiscord(discord)
}

async function bareSlack(mode: 'defer' | 'late'): Promise<Latency> {
  await using slack = await startSlack({ channels: CHANNELS })
  const { api, botToken: token, appToken } = slack.info
  const options = { platform: 'slack', mode, api, token, appToken, workMs: 2 * PROXMOX_MS }
  await using _ = await startAndWait([bareScript, JSON.stringify(options)])
  const anna = slack.person('anna')
  await atPace(BARE_COMMANDS, (index) => anna.command(channelOf('slack', index), 'status'))
  return await onSlack(slack)
}

/** Milliseconds from when the desk had the end until the platform showed it. */
async function lags(
  client: ApiClient,
  cards: readonly { readonly card: string; readonly shownAt: () => Promise<number> }[],
): Promise<readonly number[]> {
  const late: number[] = []
  for (const { card, shownAt } of cards) {
    let doneAt: string | undefined
    try {
      for await (const posted of client.follow(card)) doneAt = posted.doneAt
    } catch (error) {
      // The bot keeps the newest in memory: one that is not there any more is not measured.
      if (isHomelabError(error) && error.code === 'not-found') continue
      throw error
    }
    if (doneAt !== undefined) late.push(Math.max(0, (await shownAt()) - Date.parse(doneAt)))
  }
  return late
}

/** Until no message says any more that it is being worked on. */
async function settled(lab: ChatLab, platform: 'discord' | 'slack', channels: number): Promise<void> {
  for (let index = 0; index < channels; ) {
    const channel = channelOf(platform, index)
    const texts =
      platform === 'discord'
        ? (await lab.discord.read(channel)).map(({ state, text }) => (state === 'thinking' ? 'On it…' : text))
        : (await lab.slack.read(channel)).map(({ visible }) => visible)
    if (texts.some((text) => text.includes('On it…'))) await sleep(200)
    else index += 1
  }
}

async function discordRows(): Promise<readonly Row[]> {
  await using lab = await openChatLab({ discord: { channels: CHANNELS, keep: 100, speed: 1 } })
  await using bot = await lab.start()
  const client = await lab.client(bot)
  const owner = lab.discord.person('owner')
  const ask = (index: number) =>
    owner.command({ channel: channelOf('discord', index), path: paths[index % paths.length] ?? ['status'] })
  while ((await lab.discord.commands()).guild.length === 0) await sleep(50)
  await atPace(WARM_UP, ask)
  await lab.simulator.fault({ delayMs: PROXMOX_MS })
  await settled(lab, 'discord', CHANNELS)
  await lab.discord.resetCounts()
  const before = await unanswered(lab)

  const outcomes = await atPace(COMMANDS, ask)
  const ours = await onDiscord(lab.discord)
  await settled(lab, 'discord', CHANNELS)
  // One that was acknowledged too late has its card as a message of its own.
  const lost = (await unanswered(lab)) - before - ours.failed
  const { rest } = await lab.discord.counts()
  const calls = Object.values(rest).reduce((sum, count) => sum + count, 0)
  const late = await lags(
    client,
    outcomes.slice(-SAMPLED).map(({ interaction, message }) => ({
      card: `discord:${interaction}`,
      async shownAt() {
        const seen = (await lab.discord.read(message?.channel ?? '')).find(({ id }) => id === message?.id)
        return seen?.editedAt ?? seen?.createdAt ?? Number.NaN
      },
    })),
  )
  const [defer, answering] = [await bareDiscord('defer'), await bareDiscord('late')]
  return [
    ...rows('Discord', ours, defer, answering, late, calls / COMMANDS),
    { what: 'Discord: acknowledged and never answered', value: lost, unit: 'calls', atMost: { value: 0 } },
  ]
}

/** Answers of which Discord says that the application did not respond. */
async function unanswered({ discord }: ChatLab): Promise<number> {
  const channels = Array.from({ length: CHANNELS }, (_, index) => channelOf('discord', index))
  const seen = await Promise.all(channels.map((channel) => discord.read(channel)))
  return seen.flat().filter(({ state }) => state === 'failed').length
}

async function slackAcknowledged(): Promise<Latency> {
  // Without Slack's limits on posting, which are not what this is about: it takes some 50 edits a minute.
  await using lab = await openChatLab({ slack: { channels: CHANNELS, keep: 100, limits: 0 } })
  await using _ = await lab.start()
  await lab.simulator.fault({ delayMs: PROXMOX_MS })
  const anna = lab.slack.person('anna')
  await atPace(COMMANDS, (index) =>
    anna.command(channelOf('slack', index), (paths[index % paths.length] ?? ['status']).join(' ')),
  )
  return await onSlack(lab.slack)
}

/** Under Slack's limits, at a rate that a family types at. */
async function slackShown(): Promise<{ readonly late: readonly number[]; readonly calls: number }> {
  await using lab = await openChatLab({ slack: { channels: CHANNELS } })
  await using bot = await lab.start()
  await lab.simulator.fault({ delayMs: PROXMOX_MS })
  const client = await lab.client(bot)
  const anna = lab.slack.person('anna')
  const cards: { card: string; shownAt: () => Promise<number> }[] = []
  const before = await lab.slack.counts()
  for (let index = 0; index < SLACK_SAMPLED; index += 1) {
    const channel = channelOf('slack', index)
    const { trigger = '' } = await anna.command(
      channel,
      (paths[index % paths.length] ?? ['status']).join(' '),
    )
    const card = `slack:${trigger}`.slice(0, 80)
    cards.push({
      card,
      async shownAt() {
        const messages = await lab.slack.read(channel)
        const ts = messages.findLast(({ metadata }) => metadata?.event_payload.card === card)?.ts
        if (ts === undefined) return Number.NaN
        const events = await lab.slack.waitFor({ kind: 'updated', ts }, { count: 1 })
        return events.at(-1)?.at ?? Number.NaN
      },
    })
    await sleep(2_000)
  }
  await settled(lab, 'slack', SLACK_SAMPLED)
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((all, count) => all + count, 0)
  const calls = sum((await lab.slack.counts()).calls) - sum(before.calls)
  const late = (await lags(client, cards)).filter(Number.isFinite)
  return { late, calls: calls / SLACK_SAMPLED }
}

async function slackRows(): Promise<readonly Row[]> {
  const ours = await slackAcknowledged()
  const { late, calls } = await slackShown()
  return rows('Slack', ours, await bareSlack('defer'), await bareSlack('late'), late, calls)
}

function rows(
  platform: string,
  ours: Latency,
  defer: Latency,
  answering: Latency,
  late: readonly number[],
  calls: number,
): readonly Row[] {
  const bare = `a stock client that only ${platform === 'Discord' ? 'defers' : 'acknowledges'}`
  const ack = (what: string, value: number, other: number, atMost?: number): Row => ({
    what: `${platform}: acknowledged, ${what}`,
    value,
    unit: 'ms',
    alternative: { name: bare, value: other },
    ...(atMost === undefined ? {} : { atMost: { value: atMost } }),
  })
  return [
    ack('p50', ours.p50, defer.p50),
    ack('p99', ours.p99, defer.p99, 250),
    ack('worst', ours.max, defer.max),
    {
      what: `${platform}: not acknowledged in time, of ${COMMANDS.toLocaleString('en')}`,
      value: ours.failed,
      unit: 'calls',
      atMost: { value: 0 },
      alternative: {
        name: `answering when two calls of ${PROXMOX_MS / 1000} s are done, of ${BARE_COMMANDS.toLocaleString('en')}`,
        value: answering.failed,
      },
    },
    {
      what: `${platform}: the last card is there after its end, median`,
      value: percentile(late, 0.5),
      unit: 'ms',
    },
    {
      what: `${platform}: the last card is there after its end, p99`,
      value: percentile(late, 0.99),
      unit: 'ms',
      note: `${late.length} commands`,
    },
    {
      what: `${platform}: calls for each command`,
      value: calls,
      unit: 'calls',
    },
  ]
}

export const chat: Bench = {
  name: 'chat',
  title: `Command typed in a chat → acknowledged, ${PER_SECOND} a second over ${CHANNELS} channels, Proxmox answering after ${PROXMOX_MS / 1000} s`,
  async run() {
    return [...(await discordRows()), ...(await slackRows())]
  },
}
