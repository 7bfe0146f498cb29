/**
 * A soak: everything is delivered twice and pressed twice, connections are cut or fall silent, answers are lost, and the
 * whole bot is killed again and again while people type, confirm and cancel. Then it is counted what was really done,
 * and what people see in the end.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { randomFrom } from '../../bench/support/stats.ts'
import type { BotProcess } from '../../support/bot.ts'
import type { Simulator } from '../../support/simulator.ts'
import { type ChatLab, openChatLab } from './chat-lab.ts'
import { type Asked, discordPeople, endOf, type People, slackPeople, type Wish } from './chat-people.ts'
import { type Counted, cardsOf, judge } from './chat-verdict.ts'
import { breakDiscord, breakSlack, type Weather } from './chat-weather.ts'

export interface SoakOptions {
  /** Each ends with `kill -9`. */
  readonly lives: number
  readonly commandsPerLife: number
  /** On both platforms together. */
  readonly reconnectsPerLife: number
  readonly seed: number
  readonly say: (text: string) => void
}

export interface SoakReport extends Counted {
  readonly seed: number
  readonly kills: number
  readonly reconnects: number
  /** Interactions, envelopes and events that came twice, and double clicks. */
  readonly redeliveries: number
  /** Typed by people. */
  readonly commands: number
  /** Logins to Discord beyond the first one and those after a session that Discord ended: each left something unheard. */
  readonly needlessLogins: number
  /** What `audit verify` says. */
  readonly audit: unknown
  readonly minutes: number
}

export const soakText = (report: SoakReport): string => {
  const { commands, kills, reconnects, redeliveries, lost, twice, spinning, untrue, cards, unheard, ends } =
    report
  const { needlessLogins } = report
  return [
    `${commands} commands, ${kills} kills, ${reconnects} reconnects, ${redeliveries} redeliveries (seed ${report.seed}, ${report.minutes.toFixed(1)} min):`,
    `lost ${lost.length}, done twice ${twice.length}, left spinning ${spinning.length}, untrue ${untrue.length},`,
    `needless logins ${needlessLogins};`,
    `${cards} cards (${Object.entries(ends)
      .map(([end, count]) => `${count} ${end}`)
      .join(', ')}), ${unheard} told by the platform that nobody was there`,
  ].join(' ')
}

const slackChannels = 12
/** Milliseconds. */
const life = { shortest: 600, longest: 7_000, settle: 150_000 }

interface Guests {
  readonly plain: readonly string[]
  /** Marked in the file: whoever restarts them is asked first. */
  readonly asking: readonly string[]
  readonly vmids: ReadonlyMap<string, number>
}

async function guestsOf(simulator: Simulator): Promise<Guests> {
  const { guests } = await simulator.state()
  const free = guests.filter(({ type, state, vmid }) => type === 'lxc' && state === 'running' && vmid >= 1000)
  const names = free.map(({ name }) => name)
  return {
    plain: names.slice(8),
    asking: names.slice(0, 8),
    vmids: new Map(free.map(({ name, vmid }) => [name, vmid])),
  }
}

const openLab = (commands: number): Promise<ChatLab> =>
  openChatLab({
    ops: true,
    simulator: { guests: 80, nodes: 1 },
    // A channel of its own for each command: what is in it in the end is all that its asker got to see.
    discord: { channels: commands, speed: 0.05 },
    // Its limits are met by faults: kept, they would have the cards of so many commands wait for an hour.
    slack: { channels: slackChannels, keep: 5_000, ping: 500, speed: 0.05, limits: 0 },
    async more(simulator) {
      const { asking, vmids } = await guestsOf(simulator)
      const lines = asking.map((name) => `  ${name}: { guest: ${vmids.get(name)}, confirm: true }`)
      return `services:\n${lines.join('\n')}\n`
    },
  })

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const began = performance.now()
  const random = randomFrom(options.seed)
  const below = (limit: number) => Math.floor(random() * limit)
  await using lab = await openLab(options.lives * options.commandsPerLife)
  const { simulator, discord, slack } = lab
  await simulator.fault({ stale: false, taskMs: { vzreboot: 700 } })
  const guests = await guestsOf(simulator)
  const people = { discord: discordPeople(discord), slack: slackPeople(slack) }
  const weather: Weather = {
    discord,
    slack,
    below,
    reconnects: 0,
    invalids: 3,
    ended: 0,
    deafs: Math.ceil(options.lives / 10),
  }
  const asked: Promise<Asked>[] = []
  const reactions: Promise<boolean>[] = []

  const wishFor = (index: number): Wish => {
    const platform = index % 2 === 0 ? 'discord' : 'slack'
    const kind = below(10) < 3 ? 'asks' : 'plain'
    const names = guests[kind === 'asks' ? 'asking' : 'plain']
    return {
      platform,
      kind,
      by: platform === 'slack' && below(3) === 0 ? 'mention' : 'command',
      guest: names[below(names.length)] ?? '',
      channel:
        platform === 'discord' ? `c-${String(index + 1).padStart(3, '0')}` : `c${1 + below(slackChannels)}`,
    }
  }

  async function typeAll(number: number, ms: number, over: AbortSignal): Promise<void> {
    const { commandsPerLife: count } = options
    for (let one = 0; one < count; one += 1) {
      const wish = wishFor(number * count + one)
      const habit = below(10)
      const typed = people[wish.platform].ask(wish)
      asked.push(typed)
      if (wish.kind === 'asks' && habit < 8)
        reactions.push(react(people[wish.platform], wish, habit < 6 ? 'Confirm' : 'Cancel'))
      else if (wish.kind === 'plain' && habit < 2)
        reactions.push(react(people[wish.platform], wish, 'Cancel'))
      if (!over.aborted) await delay(ms / (count + 1), undefined, { signal: over }).catch(() => undefined)
    }
  }

  async function rage(ms: number, over: AbortSignal): Promise<void> {
    const { reconnectsPerLife: count } = options
    for (let one = 0; one < count && !over.aborted; one += 1) {
      await delay(below((2 * ms) / (count + 1)), undefined, { signal: over }).catch(() => undefined)
      if (!over.aborted) await (one % 2 === 0 ? breakDiscord(weather) : breakSlack(weather))
    }
  }

  async function oneLife(number: number): Promise<void> {
    // Until long after the last: everything comes twice.
    await discord.fault({ duplicate: 1_000_000 })
    await slack.fault({ duplicateEnvelopes: 1_000_000, duplicateEvents: 1_000_000 })
    const ms = number % 4 === 3 ? life.longest : life.shortest + below(life.longest - life.shortest)
    const over = new AbortController()
    const starting = lab.start({ early: number % 2 === 1 })
    // Some do not wait until the bot is up. Before its first life there are no commands to choose from.
    if (number % 3 !== 1) await starting
    if (number === 0) await discord.waitFor({ kind: 'commands' })
    const typed = typeAll(number, ms, over.signal)
    const bot: BotProcess = await starting
    const raged = rage(ms, over.signal)
    await delay(ms)
    await lab.kill(bot)
    over.abort()
    await Promise.all([typed, raged])
  }

  for (let number = 0; number < options.lives; number += 1) {
    await oneLife(number)
    if (number % 10 === 9)
      options.say(`${number + 1} kills, ${asked.length} commands, ${weather.reconnects} reconnects`)
  }
  await discord.fault({ duplicate: 0, dropCreates: 0, dropCallbacks: 0, restErrors: 0 })
  await slack.fault({
    duplicateEnvelopes: 0,
    duplicateEvents: 0,
    cutAfterPost: 0,
    answer500: 0,
    rateLimited: {},
    deaf: false,
  })
  const commands = await Promise.all(asked)
  const clicks = (await Promise.all(reactions)).filter(Boolean).length
  const atDiscord = await discord.counts()
  const atSlack = await slack.counts()

  const bot = await lab.start()
  await Promise.race([settle(people, commands), failsWhenItEnds(bot)])
  const { changes } = await simulator.counts()
  const { identifies, unheard } = await discord.counts()
  const verdict = judge({
    commands: await cardsOf(people, commands),
    reboots: new Map([...guests.vmids].map(([name, vmid]) => [name, changes[String(vmid)]?.reboot ?? 0])),
    unheard: new Set(unheard),
  })
  const audit = await verifyAudit(lab, bot)
  await lab.kill(bot)
  return {
    ...verdict,
    seed: options.seed,
    kills: options.lives,
    reconnects: weather.reconnects,
    redeliveries:
      atDiscord.interactions - atDiscord.undelivered + atSlack.acks.sent - atSlack.acks.failed + clicks,
    commands: commands.length,
    needlessLogins: Math.max(0, identifies - 1 - weather.ended),
    audit,
    minutes: (performance.now() - began) / 60_000,
  }
}

/** Presses what stands under the card, twice at once, when it comes within a few seconds. Resolves with whether it did. */
async function react({ read, doubleClick }: People, wish: Wish, label: string): Promise<boolean> {
  for (let look = 0; look < 12; look += 1) {
    await delay(250)
    const seen = (await read(wish.channel)).findLast(
      ({ text, buttons }) => text.includes(wish.guest) && buttons.includes(label),
    )
    if (seen === undefined) continue
    await doubleClick(seen, label)
    return true
  }
  return false
}

/** Until every card has ended. Whoever is asked again after a crash says no. */
async function settle(
  people: Readonly<Record<Asked['platform'], People>>,
  commands: readonly Asked[],
): Promise<void> {
  for (const until = performance.now() + life.settle; performance.now() < until; await delay(1_000)) {
    let waiting = 0
    for (const [{ platform, acknowledged }, cards] of await cardsOf(people, commands)) {
      if (cards.length === 0 && acknowledged) waiting += 1
      for (const seen of cards.filter((card) => endOf(card) === undefined)) {
        waiting += 1
        if (seen.buttons.includes('Confirm')) await people[platform].doubleClick(seen, 'Cancel')
      }
    }
    if (waiting === 0) return
  }
}

/** @throws Error with what it printed, when it ends */
async function failsWhenItEnds({ exited }: BotProcess): Promise<never> {
  const { code, stdout, stderr } = await exited
  throw new Error(`the bot ended by itself with ${code}: ${stdout.slice(-2_000)}${stderr.slice(-4_000)}`)
}

async function verifyAudit(lab: ChatLab, bot: BotProcess): Promise<unknown> {
  const client = await lab.client(bot)
  const { id } = await client.submit({ text: 'audit verify' })
  let output: unknown
  for await (const posted of client.follow(id)) output = posted.output ?? posted.card.title
  return output
}
