/** What a day costs in which nobody asks anything, and whether twenty thousand cards leave anything behind. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChatLab, openChatLab } from '../faults/support/chat-lab.ts'
import { openInspector } from './support/chat-inspector.ts'
import type { Bench, Row } from './support/row.ts'

/** A day of heartbeats and pings passes in so many seconds. */
const DAY_S = 120
const SPEED = DAY_S / 86_400
/** Milliseconds between two pings of Slack: closer together, a moment's pause of the machine would look like a dead socket. */
const SLACK_PING_MS = 100
/** Slack asks for another socket about every five hours, and Discord now and then to connect again. */
const RECONNECTS = 5

export const idleDay: Bench = {
  name: 'idle-day',
  title: `A day in which nobody asks anything, in ${DAY_S} s`,
  async run() {
    await using lab = await openChatLab({
      ops: true,
      discord: { speed: SPEED },
      slack: { ping: SLACK_PING_MS },
    })
    const { discord, slack } = lab
    await using _ = await lab.start()
    await discord.waitFor({ kind: 'commands' })
    // What a start costs is over.
    await sleep(5_000)
    const before = { discord: await discord.counts(), slack: await slack.counts() }
    for (let part = 0; part < RECONNECTS; part += 1) {
      await sleep((DAY_S * 1_000) / RECONNECTS)
      await slack.disconnect('refresh_requested')
      await discord.gateway('reconnect')
    }
    await sleep(5_000)
    const after = { discord: await discord.counts(), slack: await slack.counts() }
    const rest = difference(before.discord.rest, after.discord.rest)
    const calls = difference(before.slack.calls, after.slack.calls)
    const opened = calls['apps.connections.open'] ?? 0
    return [
      {
        what: 'calls of the REST API of Discord',
        value: sum(rest),
        unit: 'calls',
        atMost: { value: 0 },
        note: `${after.discord.resumes - before.discord.resumes} resumes, ${after.discord.identifies - before.discord.identifies} logins${namesOf(rest)}`,
      },
      {
        what: `calls of the Web API of Slack beside those for the ${RECONNECTS} sockets that it asks for`,
        value: sum(calls) - Math.min(opened, RECONNECTS),
        unit: 'calls',
        atMost: { value: 0 },
        note: `${opened} sockets opened${namesOf(calls)}`,
      },
    ]
  },
}

type Counts = Readonly<Record<string, number>>

const difference = (before: Counts, after: Counts): Counts =>
  Object.fromEntries(
    Object.entries(after).flatMap(([name, count]) => {
      const more = count - (before[name] ?? 0)
      return more === 0 ? [] : [[name, more]]
    }),
  )
const sum = (counts: Counts): number => Object.values(counts).reduce((total, count) => total + count, 0)
const namesOf = (counts: Counts): string =>
  Object.entries(counts)
    .map(([name, count]) => `; ${name}: ${count}`)
    .join('')

/** More than the bot keeps, 5,000 over all channels: until then every card is one more that it can still change. */
const WARM_CARDS = 6_000
const CARDS = 20_000
/** Asked at once: one in each. Slack takes about one message a second in each of them. */
const CHANNELS = 200

export const memory: Bench = {
  name: 'memory',
  title: `Memory over ${CARDS.toLocaleString('en')} cards`,
  async run() {
    await using lab = await openChatLab({
      discord: { channels: CHANNELS, keep: 20, speed: 0.1 },
      // Its limits would have the cards wait for hours, and what waits is not what is looked for here.
      slack: { channels: CHANNELS, keep: 20, limits: 0 },
    })
    await using bot = await lab.start({ env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } })
    const [address] = /ws:\/\/\S+/.exec(bot.output()) ?? []
    await using inspector = await openInspector(address ?? '')
    await lab.discord.waitFor({ kind: 'commands' })
    await ask(lab, WARM_CARDS)
    const [heapBefore, rssBefore] = [await inspector.heap(), await rss(bot.pid)]
    await ask(lab, CARDS)
    const [heapAfter, rssAfter] = [await inspector.heap(), await rss(bot.pid)]
    const row = (what: string, value: number, other: number): Row => ({
      what,
      value,
      unit: 'MB',
      atMost: { ratio: 1.1 },
      alternative: { name: `after the first ${WARM_CARDS.toLocaleString('en')}`, value: other },
    })
    return [
      row('live objects, after a collection', heapAfter, heapBefore),
      row('the process (RSS), after a collection', rssAfter, rssBefore),
    ]
  },
}

/**
 * Half of them on each platform, one in each channel at a time: discord.js sends 50 requests a second, and a backlog
 * of answers would be measured in place of what they leave behind. Resolves when every card was shown to its end.
 */
async function ask({ discord, slack }: ChatLab, cards: number): Promise<void> {
  const owner = discord.person('owner')
  const anna = slack.person('anna')
  // Every one is a message in Slack, and an edit of its deferred answer in Discord.
  const shown = async () => (await slack.counts()).messages.posted
  const edited = async () => (await discord.counts()).messages.edited
  const [shownBefore, editedBefore] = [await shown(), await edited()]
  for (let asked = CHANNELS; asked <= cards / 2; asked += CHANNELS) {
    await Promise.all(
      Array.from({ length: CHANNELS }, async (_, index) => {
        const place = String(index + 1)
        await owner.command({ channel: `c-${place.padStart(3, '0')}`, path: ['node', 'list'] })
        await anna.command(`c${place}`, 'node list')
      }),
    )
    while ((await shown()) - shownBefore < asked) await sleep(200)
    while ((await edited()) - editedBefore < asked) await sleep(200)
  }
  await sleep(10_000)
}

/** In MB of 1,000,000 bytes. */
async function rss(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) * 1024) / 1e6
}
