/** `graph` and `top` on the simulated lab, and their picture in Discord and in Slack. */
import { type Card, HomelabError, type Json, runInline, Secret } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPainter, type Draw } from '../../bot/src/charts/painter.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import { createApi } from '../../bot/src/discord/api.ts'
import { createOutlet as discordOutlet } from '../../bot/src/discord/outlet.ts'
import { createRest } from '../../bot/src/discord/rest.ts'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { createClient, slackLogger } from '../../bot/src/slack/client.ts'
import { createOutlet as slackOutlet } from '../../bot/src/slack/outlet.ts'
import { type Discord, startDiscord } from '../support/discord.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { type SlackPeer, startSlack } from '../support/slack.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let lab: LabServices
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
  const source = await sourceOf(simulator)
  lab = await connectLab(source.inventory, source.secrets)
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})

async function run(chat: string, input: Readonly<Record<string, Json>>) {
  const operation = operations.find((each) => each.chat === chat)
  if (operation === undefined) throw new Error(`no ${chat}`)
  const parsed = operation.input.parse(input)
  const output = await runInline(operation, parsed, lab, { clock: systemClock })
  return { output: output as Record<string, Json>, card: operation.card(output, parsed) }
}
const graph = (target: string, ...words: string[]) => run('graph', { target, words })
const fieldsOf = (card: Card) =>
  (card.sections ?? []).flatMap((section) => (section.kind === 'fields' ? section.fields : []))

describe('a graph', () => {
  it('of a guest says in words what the picture shows', async () => {
    const { output, card } = await graph('plex', 'cpu', '24h')
    expect(output).toMatchObject({ target: 'plex', metric: 'cpu', unit: 'share', source: 'proxmox' })
    expect(card.title).toBe('plex: CPU, last 24 h')
    expect(fieldsOf(card).map(({ name }) => name)).toEqual(['Now', 'Average', 'Lowest', 'Highest', 'Course'])
    expect(card.picture?.svg).toMatch(/^<svg [\s\S]*<\/svg>$/)
    expect(card.picture?.alt).toMatch(/^plex: CPU, last 24 h: now [\d.]+ %$/)
  })

  it('of network has two lines, and of memory how much of it there is', async () => {
    const { output } = await graph('plex', 'network', '1h')
    expect(output).toMatchObject({ unit: 'bytes/s', series: [{ name: 'in' }, { name: 'out' }] })
    const { card } = await graph('node', 'ram', '7d')
    expect(fieldsOf(card)[0]?.value).toMatch(/GiB \(\d+ % of [\d.]+ GiB\)$/)
  })

  it('of a storage says when it is full, or that this is not in sight', async () => {
    const { output, card } = await graph('storage', 'tesla', '30d')
    // By a thousandth a day: 300 days and more, of which 15 were looked at.
    expect(output.forecast).toMatchObject({ kind: 'not-in-sight', why: 'far' })
    expect(JSON.stringify(card.sections)).toContain('Not in sight: it grows slowly (+')
    expect(card.picture?.svg).toContain('warns at 80 %')
    expect((await graph('Tesla')).output).toMatchObject({ kind: 'storage', metric: 'disk' })
  })

  it('names the node that it is of, when there is one', async () => {
    expect((await graph('node')).output).toMatchObject({ target: 'pve', kind: 'node' })
    expect((await graph('pve', 'disk')).output).toMatchObject({ target: 'pve', kind: 'node', metric: 'disk' })
  })

  it.each([
    [['plex', 'cpuu'], 'usage', '"cpuu" is no metric and no time. Did you mean cpu?'],
    [['plex', 'cpu', 'memory'], 'usage', '"memory" is no metric'],
    [['plex', '900d'], 'usage', 'between 5m and 366d'],
    [['plexx'], 'not-found', 'Did you mean plex?'],
    [['node', 'pvv'], 'not-found', 'No node "pvv". Did you mean pve?'],
    [['storage', 'teslo'], 'not-found', 'Did you mean tesla?'],
    [['storage'], 'usage', 'Which storage?'],
    [['storage', 'tesla', 'cpu'], 'usage', 'only "disk"'],
    [['@media'], 'usage', 'this takes one'],
    [['storage', 'apollo'], 'not-found', 'a folder of pve and no storage of Proxmox'],
  ])('refuses %j with what to do', async ([target = '', ...words], code, text) => {
    const error = await graph(target, ...words).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(HomelabError)
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) as string })
  })
})

it('top has the most first, by what was asked for', async () => {
  const { guests } = (await run('top', { metric: 'memory', count: 3 })).output as {
    guests: { used: number }[]
  }
  const used = guests.map((each) => each.used)
  expect(used).toHaveLength(3)
  expect(used).toEqual(used.toSorted((a, b) => b - a))
})

const noPicture: Draw = () => Promise.resolve(undefined)

const posted = (card: Card, surface: 'discord' | 'slack', channel: string, user: string): Posted => ({
  id: `${surface}:graph-${Math.round(performance.now() * 1000)}`,
  place: { surface, channel },
  caller: {
    id: `${surface}:${user}`,
    name: 'anna',
    role: 'viewer',
    surface: 'chat',
    channel: `${surface}:${channel}`,
  },
  command: 'graph plex cpu 24h',
  at: new Date().toISOString(),
  card,
  state: 'done',
})

describe('its picture', () => {
  let discord: Discord
  let slack: SlackPeer
  const painter = createPainter({ onProblem: () => undefined, timeoutMs: 60_000 })
  beforeAll(async () => {
    ;[discord, slack] = await Promise.all([startDiscord(), startSlack()])
  })
  afterAll(async () => {
    await painter[Symbol.asyncDispose]()
    await Promise.all([discord?.stop(), slack?.stop()])
  })

  async function inDiscord(draw: Draw) {
    const { api, token, application, channels, users } = discord.ready
    const bugs: unknown[] = []
    const outlet = discordOutlet({
      api: createApi(createRest(token, api), application),
      clock: systemClock,
      runs: { log: () => Promise.resolve([]) },
      draw,
      onBug: (error) => bugs.push(error),
    })
    await discord.reset()
    const { card } = await graph('plex', 'cpu', '24h')
    await outlet.show(posted(card, 'discord', channels.ops ?? '', users.owner ?? ''), undefined)
    expect(bugs).toEqual([])
    return (await discord.read('ops'))[0]
  }

  async function inSlack(draw: Draw) {
    await slack.reset()
    const quiet = { warn: () => undefined } as unknown as Parameters<typeof slackLogger>[0]
    const client = createClient(new Secret(slack.info.botToken), slack.info.api, slackLogger(quiet, []))
    const problems: unknown[] = []
    const outlet = slackOutlet({
      client,
      clock: systemClock,
      startedAt: new Date(0),
      draw,
      placed: () => Promise.resolve(),
      direct: (user) => Promise.resolve(user),
      onRefused: (trouble) => problems.push(trouble),
      onTrouble: (trouble) => problems.push(trouble),
      onBug: (error) => problems.push(error),
    })
    const { card } = await graph('plex', 'cpu', '24h')
    await outlet.show(
      posted(card, 'slack', slack.info.channels.general ?? '', slack.info.users.anna ?? ''),
      undefined,
    )
    expect(problems).toEqual([])
    const [message] = await slack.read('general')
    const files = (await slack.read('general', { thread: message?.ts ?? '' })).flatMap((each) => each.files)
    return { message, files }
  }

  it('is in the card on Discord, with words for who cannot see it', async () => {
    const message = await inDiscord(painter.draw)
    expect(message?.files).toMatchObject([
      { name: 'picture.png', type: 'image/png', description: expect.stringContaining('plex: CPU') as string },
    ])
    const [file] = message?.files ?? []
    const bytes = Buffer.from(await (await fetch(file?.url ?? '')).arrayBuffer())
    expect(bytes.subarray(1, 4).toString()).toBe('PNG')
    expect(JSON.stringify(message?.embeds)).toContain('picture.png')
    expect(message?.text).toContain('Average')
  })

  it('is a file in the thread on Slack', async () => {
    const { message, files } = await inSlack(painter.draw)
    expect(files.map(({ name }) => name)).toEqual([expect.stringMatching(/^plex-CPU-last-24-h.*\.png$/)])
    expect(message?.visible).toContain('Average')
  })

  it('that could not be drawn costs nothing of the words', async () => {
    const message = await inDiscord(noPicture)
    expect(message?.text).toContain('Average')
    expect(message?.files).toMatchObject([{ name: 'picture.svg' }])
    const seen = await inSlack(noPicture)
    expect(seen.message?.visible).toContain('Average')
    expect(seen.files.map(({ name }) => name)).toEqual([expect.stringMatching(/\.svg$/)])
  })
})
