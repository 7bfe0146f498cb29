/** What the bot costs when nothing happens, and how soon it is ready. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openChatLab } from '../faults/support/chat-lab.ts'
import { startAndWait, startBot } from './support/bot.ts'
import type { Bench, Row } from './support/row.ts'
import { median } from './support/stats.ts'

const STARTS = 5
const IDLE_MS = 10_000

const script =
  "await import('discord.js'); await import('@slack/bolt'); console.log('ready'); setInterval(() => {}, 60_000)"
/** Where both can be imported from. */
const cwd = fileURLToPath(new URL('../../bot', import.meta.url))
const startBare = () => startAndWait(['--input-type=module', '--eval', script], { cwd })

export const idle: Bench = {
  name: 'idle',
  title: 'The idle bot',
  async run() {
    await using lab = await openChatLab({ simulator: { speed: 1 } })
    const ready: number[] = []
    const aloneReady: number[] = []
    const bareReady: number[] = []
    for (let round = 0; round < STARTS; round += 1) {
      const began = performance.now()
      const bot = await lab.start({ early: true })
      ready.push(performance.now() - began)
      await lab.kill(bot)
      await using alone = await startBot(lab.simulator)
      aloneReady.push(alone.readyMs)
      await using bare = await startBare()
      bareReady.push(bare.readyMs)
    }
    const bot = await lab.start()
    await using alone = await startBot(lab.simulator)
    await using bare = await startBare()
    await sleep(IDLE_MS)
    const [ours, without, theirs] = [await memory(bot.pid), await memory(alone.pid), await memory(bare.pid)]
    await lab.kill(bot)
    const rows = (
      what: string,
      unit: Row['unit'],
      mine: number,
      desk: number,
      other: number,
    ): readonly Row[] => [
      {
        what: `${what}, on Discord and Slack`,
        unit,
        value: mine,
        alternative: { name: 'only imports discord.js and @slack/bolt', value: other },
        atMost: { ratio: 1.4 },
      },
      { what: `${what}, on neither`, unit, value: desk },
    ]
    return [
      ...rows('from start to ready, median', 'ms', median(ready), median(aloneReady), median(bareReady)),
      ...rows(`memory after ${IDLE_MS / 1000} s (RSS)`, 'MB', ours.rss, without.rss, theirs.rss),
      ...rows('of that its own, shared pages by share (PSS)', 'MB', ours.pss, without.pss, theirs.pss),
    ]
  },
}

/** In MB of 1,000,000 bytes; without PSS where the system does not tell it. */
async function memory(pid: number): Promise<{ readonly rss: number; readonly pss: number }> {
  const rss = field(await readFile(`/proc/${pid}/status`, 'utf8'), 'VmRSS')
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  return { rss, pss: field(rollup, 'Pss') }
}

const field = (text: string, name: string): number =>
  (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6
