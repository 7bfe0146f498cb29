/** What a keystroke costs among 10,000 guests. */
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectLab } from '../../bot/src/lab/connect.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'
import { startBot } from './support/bot.ts'
import type { Bench, Row } from './support/row.ts'
import { median, percentile, randomFrom } from './support/stats.ts'

const LIMIT = 25
const KEYS = 600
/** Milliseconds between two keys over HTTP: a quick typist, for longer than the bot keeps what it knows. */
const PAUSE_MS = 30
const REFRESHES = 9

// The library that core itself uses, from where it is installed.
const { distance } = createRequire(new URL('../../core/package.json', import.meta.url))(
  'fastest-levenshtein',
) as {
  readonly distance: (a: string, b: string) => number
}

export const completion: Bench = {
  name: 'completion',
  title: 'Completion of a name, 10,000 guests',
  async run() {
    await using simulator = await startSimulator({ guests: 10_000, nodes: 20 })
    const names = (await simulator.state()).guests.map(({ name }) => name)
    const words = keystrokes(names)
    return [...(await inProcess(simulator, names, words)), ...(await overHttp(simulator, words))]
  },
}

/** Names typed key by key, every third with two letters swapped. */
function keystrokes(names: readonly string[]): readonly string[] {
  const random = randomFrom(11)
  const words: string[] = []
  while (words.length < KEYS) {
    const name = names[Math.floor(random() * names.length)] ?? 'plex'
    const [first = '', second = '', ...rest] = name
    const text = words.length % 3 === 0 ? second + first + rest.join('') : name
    for (let length = 1; length <= text.length; length += 1) words.push(text.slice(0, length))
  }
  return words.slice(0, KEYS)
}

/** What one writes first: all names by their distance to the word, those that hold it before the others. */
function naive(names: readonly string[], word: string): readonly string[] {
  const wanted = word.toLowerCase()
  return names
    .map((name) => ({
      name,
      far: name.toLowerCase().includes(wanted) ? 0 : distance(name.toLowerCase(), wanted),
    }))
    .sort((a, b) => a.far - b.far)
    .slice(0, LIMIT)
    .map(({ name }) => name)
}

async function inProcess(
  simulator: Simulator,
  names: readonly string[],
  words: readonly string[],
): Promise<readonly Row[]> {
  const source = await sourceOf(simulator)
  await using connected = await connectLab(source.inventory, source.secrets)
  const { lab } = connected
  await lab.overview()
  const suggest = (word: string) => lab.suggest('services', word, LIMIT)
  for (const word of words.slice(0, 50)) if (suggest(word).length > LIMIT) throw new Error('too many')
  const ours = words.map((word) => timed(() => suggest(word)))
  const theirs = words.map((word) => timed(() => naive(names, word)))
  const first: number[] = []
  for (let round = 0; round < REFRESHES; round += 1) {
    await lab.overview({ fresh: true })
    first.push(timed(() => suggest('web-12')))
  }
  const alternative = (share: number) => ({
    name: 'filter and levenshtein over all',
    value: percentile(theirs, share),
  })
  return [
    {
      what: 'a key, in process, p50',
      value: percentile(ours, 0.5),
      unit: 'ms',
      alternative: alternative(0.5),
    },
    {
      what: 'a key, in process, p99',
      value: percentile(ours, 0.99),
      unit: 'ms',
      atMost: { value: 20 },
      alternative: alternative(0.99),
    },
    {
      what: 'the first key after the lab was looked at anew, median',
      value: median(first),
      unit: 'ms',
      atMost: { value: 20 },
      alternative: alternative(0.5),
    },
  ]
}

function timed(work: () => unknown): number {
  const began = performance.now()
  work()
  return performance.now() - began
}

async function overHttp(simulator: Simulator, words: readonly string[]): Promise<readonly Row[]> {
  await using bot = await startBot(simulator)
  // The first key has the bot look at the lab, which it does behind the typist's back.
  while ((await bot.client.complete('restart web-')).length === 0) await sleep(100)
  const ms: number[] = []
  for (const word of words) {
    await sleep(PAUSE_MS)
    const began = performance.now()
    await bot.client.complete(`restart ${word}`)
    ms.push(performance.now() - began)
  }
  const row = (what: string, share: number): Row => ({
    what: `a key over the bot's HTTP, ${what}`,
    value: percentile(ms, share),
    unit: 'ms',
  })
  return [row('p50', 0.5), { ...row('p99', 0.99), atMost: { value: 20 } }, row('worst', 1)]
}
