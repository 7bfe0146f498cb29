/**
 * The whole bot on Discord and Slack, killed with SIGKILL at the moments that matter. Proxmox and both platforms are
 * processes of their own, which count what was really done.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BotProcess } from '../support/bot.ts'
import { type ChatLab, openChatLab } from './support/chat-lab.ts'
import { discordPeople, endOf, type People, type Seen, slackPeople } from './support/chat-people.ts'

let lab: ChatLab
let people: Readonly<Record<'discord' | 'slack', People>>
let bot: BotProcess | undefined
let mark: { readonly discord: number; readonly slack: number; readonly simulator: number }
let tests = 0

/** Each test has a channel of its own on both platforms. */
const channelOf = (platform: 'discord' | 'slack'): string =>
  platform === 'discord' ? `c-${String(tests).padStart(3, '0')}` : `c${tests}`

const at = (service: { readonly host: string; readonly port: number } | undefined): string =>
  `address: ${service?.host}, port: ${service?.port}`

beforeAll(async () => {
  lab = await openChatLab({
    ops: true,
    discord: { channels: 20, speed: 0.1 },
    slack: { channels: 20, speed: 0.05 },
    more: ({ lab: { services } }) => `services:
  plex: { guest: 110, ${at(services.plex)} }
  jellyfin: { guest: 111, ${at(services.jellyfin)}, confirm: true }
  radarr: { guest: 112, ${at(services.radarr)} }
approve:
  - { what: [restart], services: [radarr], by: [other-platform] }
`,
  })
  people = { discord: discordPeople(lab.discord), slack: slackPeople(lab.slack) }
  // Without it there are no commands to choose from.
  const first = await lab.start()
  await lab.discord.waitFor({ kind: 'commands' })
  await lab.kill(first)
})
afterAll(() => lab?.[Symbol.asyncDispose]())
beforeEach(async () => {
  tests += 1
  await lab.simulator.reset()
  await lab.simulator.fault({ stale: false, taskMs: { vzreboot: 300 } })
  bot = await lab.start()
  const [discord, slack, simulator] = await Promise.all([
    lab.discord.mark(),
    lab.slack.mark(),
    lab.simulator.mark(),
  ])
  mark = { discord, slack, simulator }
})
afterEach(async () => {
  if (bot !== undefined) await lab.kill(bot)
  bot = undefined
})

async function killAndStart(): Promise<void> {
  if (bot !== undefined) await lab.kill(bot)
  bot = undefined
  bot = await lab.start()
}

const reboots = async (vmid: number): Promise<number> =>
  (await lab.simulator.counts()).changes[String(vmid)]?.reboot ?? 0

const ask = (platform: 'discord' | 'slack', guest: string, by: 'command' | 'mention' = 'command') =>
  people[platform].ask({ platform, by, guest, kind: 'plain', channel: channelOf(platform) })

const ended = (seen: Seen): boolean => endOf(seen) !== undefined

describe.each(['discord', 'slack'] as const)('on %s', (platform) => {
  const acknowledged = () =>
    platform === 'discord'
      ? lab.discord.waitFor({ kind: 'ack' }, { after: mark.discord })
      : lab.slack.waitFor({ kind: 'acked' }, { after: mark.slack })

  async function oneCard(): Promise<Seen> {
    const channel = channelOf(platform)
    await people[platform].sees(channel, ended)
    const all = await people[platform].read(channel)
    expect(all.map(({ text }) => text)).toHaveLength(1)
    return all[0] as Seen
  }

  it('killed between the acknowledgement and the start, it is begun by the next one', async () => {
    // So long does it take to find out what plex is.
    await lab.simulator.fault({ delayMs: 2_000 })
    const asked = ask(platform, 'plex')
    await acknowledged()
    await lab.kill(bot as BotProcess)
    expect((await asked).acknowledged).toBe(true)
    expect(await reboots(110)).toBe(0)
    await lab.simulator.fault({ delayMs: 0 })
    await killAndStart()
    expect(endOf(await oneCard())).toBe('restarted')
    expect(await reboots(110)).toBe(1)
  })

  it('killed when its message is there and it does not know so yet, it finds it again', async () => {
    if (platform === 'discord') await lab.discord.fault({ dropCallbacks: 1, cutByReset: false })
    else await lab.slack.fault({ cutAfterPost: 1 })
    const asked = ask(platform, 'plex')
    await (platform === 'discord'
      ? acknowledged()
      : lab.slack.waitFor({ kind: 'posted', by: lab.slack.info.botUser }, { after: mark.slack }))
    await killAndStart()
    await asked
    expect(endOf(await oneCard())).toBe('restarted')
    expect(await reboots(110)).toBe(1)
  })

  it('killed in the middle of a run, it goes on on the same card', async () => {
    await lab.simulator.fault({ taskMs: { vzreboot: 3_000 } })
    const asked = ask(platform, 'plex')
    await lab.simulator.waitFor({ kind: 'task', type: 'vzreboot' }, { after: mark.simulator })
    await killAndStart()
    await asked
    expect(endOf(await oneCard())).toBe('restarted')
    expect(await reboots(110)).toBe(1)
  })

  it('killed while it asks, it does nothing, says so, and offers to be asked again', async () => {
    const channel = channelOf(platform)
    await ask(platform, 'jellyfin')
    await people[platform].sees(channel, ({ buttons }) => buttons.includes('Confirm'))
    await killAndStart()
    const card = await oneCard()
    expect([endOf(card), card.buttons]).toEqual(['interrupted', ['Type it again']])
    expect(await reboots(111)).toBe(0)
    await people[platform].doubleClick(card, 'Type it again')
    const asking = await people[platform].sees(channel, ({ buttons }) => buttons.includes('Confirm'))
    await people[platform].doubleClick(asking, 'Confirm')
    await people[platform].sees(channel, (seen) => endOf(seen) === 'restarted')
    expect(await reboots(111)).toBe(1)
  })

  it('killed while an approval waits, it takes the yes from the other platform and does it once', async () => {
    const other = platform === 'discord' ? 'slack' : 'discord'
    await ask(platform, 'radarr')
    await people[platform].sees(channelOf(platform), ({ text }) => text.includes('waits for approval'))
    await killAndStart()
    expect(await reboots(112)).toBe(0)
    const waiting = await people[other].sees(
      'ops',
      ({ text, buttons }) => text.includes('radarr') && buttons.includes('Approve'),
    )
    await people[other].doubleClick(waiting, 'Approve')
    await people[platform].sees(channelOf(platform), (seen) => endOf(seen) === 'restarted')
    expect(await people[platform].read(channelOf(platform))).toHaveLength(1)
    expect(await reboots(112)).toBe(1)
    await people[other].sees('ops', ({ id, buttons }) => id === waiting.id && buttons.length === 0)
  })
})

it('killed when its answer to a mention in Discord is there and it does not know so yet, it finds it again', async () => {
  await lab.discord.fault({ dropCreates: 1, cutByReset: false })
  await lab.discord.person('owner').say({ channel: channelOf('discord'), content: '@homelab restart plex' })
  await lab.discord.waitFor(
    { kind: 'message', change: 'created', author: lab.discord.ready.application },
    { after: mark.discord },
  )
  await killAndStart()
  await people.discord.sees(channelOf('discord'), (seen) => endOf(seen) === 'restarted')
  expect(await people.discord.read(channelOf('discord'))).toHaveLength(1)
  expect(await reboots(110)).toBe(1)
})
