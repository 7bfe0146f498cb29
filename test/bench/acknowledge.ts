/** From a typed command to its acknowledged card, over the running bot's own HTTP. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { type BotProcess, startAndWait, startBot } from './support/bot.ts'
import type { Bench, Row } from './support/row.ts'
import { percentile } from './support/stats.ts'

const PER_SECOND = 20
const SECONDS = 15
/** Commands before the measurement, one after another: every kind of them four times. */
const WARM_UP = 40

/** One of them asks the disks over SSH, which the simulator answers with programs that it starts on these same cores. */
const reads = [
  'status health:false',
  'guest list state:stopped',
  'guest show plex',
  'node list',
  'task list limit:10',
  'restrt plex',
] as const

export const acknowledge: Bench = {
  name: 'acknowledge',
  title: `Command typed → acknowledged card, ${PER_SECOND} commands a second`,
  async run() {
    return [
      ...(await at('the home lab', {}, 50)),
      // No target of its own: both processes of the lab and the bot share this machine's cores.
      ...(await at('10,000 guests', { guests: 10_000, nodes: 20 })),
    ]
  },
}

async function at(
  lab: string,
  size: { readonly guests?: number; readonly nodes?: number },
  target?: number,
): Promise<readonly Row[]> {
  await using simulator = await startSimulator(size)
  await simulator.fault({ stale: false })
  await using bot = await startBot(simulator)
  await using floor = await startAndWait([fileURLToPath(new URL('support/floor.ts', import.meta.url))])
  const texts = await commands(simulator)
  // A bot that runs: connected to the lab's nodes, its code compiled. The first minute of a new one is slower.
  for (const text of texts.slice(0, WARM_UP)) {
    await typed(bot, text)
    await request(floor.line)
  }

  const acknowledged: number[] = []
  const done: number[] = []
  const bare: number[] = []
  const began = performance.now()
  // At fixed times and not one after another: a slow answer must not make the next command come later.
  await Promise.all(
    texts.map(async (text, index) => {
      const due = began + (index * 1000) / PER_SECOND
      await sleep(Math.max(0, due - performance.now()))
      const times = typed(bot, text)
      await sleep(500 / PER_SECOND)
      bare.push(await request(floor.line))
      const { toCard, toEnd } = await times
      acknowledged.push(toCard)
      done.push(toEnd)
    }),
  )
  const row = (what: string, share: number, atMost?: number): Row[] => [
    {
      what: `acknowledged, ${what}, ${lab}`,
      value: percentile(acknowledged, share),
      unit: 'ms',
      ...(atMost === undefined ? {} : { atMost: { value: atMost } }),
      alternative: { name: 'answering when it is done', value: percentile(done, share) },
      note: `a server that only answers: ${percentile(bare, share).toFixed(1)} ms`,
    },
  ]
  return [...row('p50', 0.5), ...row('p99', 0.99, target), ...row('worst', 1)]
}

/** Seven reads and typos to three changes, each change of another guest where there are enough. */
async function commands(simulator: Simulator): Promise<readonly string[]> {
  const { guests } = await simulator.state()
  const free = guests.filter(
    ({ type, state, name }) => type === 'lxc' && state === 'running' && !/postgresql|redis/.test(name),
  )
  return Array.from({ length: PER_SECOND * SECONDS }, (_, index) =>
    index % 10 < 7
      ? (reads[index % reads.length] ?? 'help')
      : `restart ${free[(index * 7) % free.length]?.vmid} wait:false`,
  )
}

async function typed({ client }: BotProcess, text: string): Promise<{ toCard: number; toEnd: number }> {
  const began = performance.now()
  const { id } = await client.submit({ text, key: randomUUID(), confirmed: true })
  const toCard = performance.now() - began
  for await (const posted of client.follow(id)) if (posted.state === 'asking') throw new Error(`${text} asks`)
  return { toCard, toEnd: performance.now() - began }
}

async function request(url: string): Promise<number> {
  const began = performance.now()
  await (await fetch(url, { method: 'POST', body: '{"text":"status"}' })).json()
  return performance.now() - began
}
