/** What the bot costs when nothing happens, and how soon it is ready. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSimulator } from '../support/simulator.ts'
import { startAndWait, startBot } from './support/bot.ts'
import { installChatClients } from './support/chat-clients.ts'
import type { Bench, Row } from './support/row.ts'
import { median } from './support/stats.ts'

const STARTS = 5
const IDLE_MS = 10_000

const script =
  "await import('discord.js'); await import('@slack/bolt'); console.log('ready'); setInterval(() => {}, 60_000)"

export const idle: Bench = {
  name: 'idle',
  title: 'The idle bot (its two chat clients are not part of it yet)',
  async run() {
    await using simulator = await startSimulator({ speed: 1 })
    const folder = installChatClients()
    const startBare = () => startAndWait(['--input-type=module', '--eval', script], { cwd: folder ?? '.' })
    const ready: number[] = []
    const bareReady: number[] = []
    for (let round = 0; round < STARTS; round += 1) {
      {
        await using bot = await startBot(simulator)
        ready.push(bot.readyMs)
      }
      if (folder === undefined) continue
      await using bare = await startBare()
      bareReady.push(bare.readyMs)
    }
    await using bot = await startBot(simulator)
    await using bare = folder === undefined ? undefined : await startBare()
    await sleep(IDLE_MS)
    const ours = await memory(bot.pid)
    const theirs = bare && (await memory(bare.pid))
    const row = (what: string, unit: Row['unit'], value: number, other: number | undefined): Row => ({
      what,
      unit,
      value,
      ...(other === undefined
        ? { note: 'ALTERNATIVE NOT MEASURED: the npm registry did not give discord.js and @slack/bolt' }
        : {
            alternative: { name: 'only imports discord.js and @slack/bolt', value: other },
            atMost: { ratio: 1.4 },
          }),
    })
    return [
      row(
        'from start to ready, median',
        'ms',
        median(ready),
        folder === undefined ? undefined : median(bareReady),
      ),
      row(`memory after ${IDLE_MS / 1000} s (RSS)`, 'MB', ours.rss, theirs?.rss),
      ...(ours.pss === undefined
        ? []
        : [row('of that its own, shared pages by share (PSS)', 'MB', ours.pss, theirs?.pss)]),
    ]
  },
}

/** In MB of 1,000,000 bytes; PSS where the system tells it. */
async function memory(pid: number): Promise<{ readonly rss: number; readonly pss: number | undefined }> {
  const rss = field(await readFile(`/proc/${pid}/status`, 'utf8'), 'VmRSS')
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => undefined)
  return { rss, pss: rollup === undefined ? undefined : field(rollup, 'Pss') }
}

const field = (text: string, name: string): number =>
  (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6
