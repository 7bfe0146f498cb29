/** Alerts that come in thousands a second: how many are kept, how soon they are answered, and what `kill -9` takes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Answer, alertmanagerMessage, alertSender } from '../support/alert-sender.ts'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { keptAlerts } from '../support/kept-alerts.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { startAndWait } from './support/bot.ts'
import type { Bench, Row } from './support/row.ts'
import { median, percentile } from './support/stats.ts'

const SECRET = 'secret-of-the-alertmanager-01'
const PER_SECOND = 2_000
const SECONDS = 5
const CONNECTIONS = 100
/** Messages are sent this often, some at once: timers do not come more exactly. */
const EVERY_MS = 10
/** Bursts that end in a kill. */
const KILLS = 5
/** Messages of each try of the intake alone. */
const ALONE = 10_000
const ROUNDS = 3

export const intake: Bench = {
  name: 'intake',
  title: 'Alerts taken in',
  async run() {
    await using simulator = await startSimulator()
    return [...(await sustained(simulator)), ...(await killed(simulator)), ...(await alone())]
  },
}

async function bot(simulator: Simulator, folder: string): Promise<BotProcess> {
  const more = 'alerts: { sources: { alertmanager: { secret: env:ALERTS } } }\n'
  const config = await writeFileFor(simulator, folder, { more })
  return startBot(['--config', config], { ...environment(simulator), ALERTS: SECRET }, folder)
}

interface Sent {
  readonly fingerprint: string
  readonly answer: Answer | undefined
}

/** At a steady pace, whether or not what was sent before is answered. */
async function pour(
  url: string,
  total: number,
  name: string,
  until?: () => boolean,
): Promise<readonly Sent[]> {
  using sender = alertSender(`${url}/alerts/alertmanager`, SECRET, CONNECTIONS)
  const sent: Promise<Sent>[] = []
  const began = performance.now()
  while (sent.length < total && until?.() !== true) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * PER_SECOND))
    while (sent.length < due) {
      const fingerprint = `${name}-${sent.length}`
      sent.push(sender.send(alertmanagerMessage(fingerprint)).then((answer) => ({ fingerprint, answer })))
    }
    await sleep(EVERY_MS)
  }
  return await Promise.all(sent)
}

async function sustained(simulator: Simulator): Promise<readonly Row[]> {
  await using home = await homeFolder()
  await using running = await bot(simulator, home.path)
  await pour(running.url, PER_SECOND, 'warm')
  const total = PER_SECOND * SECONDS
  const began = performance.now()
  const sent = await pour(running.url, total, 'steady')
  const ms = performance.now() - began
  const taken = sent.filter(({ answer }) => answer?.status === 200)
  const kept = keptAlerts(join(home.path, 'state'))
  const times = taken.map(({ answer }) => answer?.ms ?? Number.POSITIVE_INFINITY)
  const what = `${total.toLocaleString('en')} messages of one alert, ${PER_SECOND.toLocaleString('en')}/s, to the whole bot`
  return [
    { what: `${what}: not answered 200`, value: total - taken.length, unit: 'alerts', atMost: { value: 0 } },
    {
      what: '… not in its database then',
      value: taken.filter(({ fingerprint }) => !kept.has(`alertmanager/${fingerprint}`)).length,
      unit: 'alerts',
      atMost: { value: 0 },
    },
    {
      what: '… from the first to the last answer',
      value: ms,
      unit: 'ms',
      // A tenth more than they took to be sent.
      atMost: { value: SECONDS * 1_100 },
      note: `${Math.round((taken.length / ms) * 1000).toLocaleString('en')} accepted/s`,
    },
    {
      what: '… until the answer, p99',
      value: percentile(times, 0.99),
      unit: 'ms',
      atMost: { value: 300 },
      note: `median ${median(times).toFixed(1)} ms`,
    },
  ]
}

async function killed(simulator: Simulator): Promise<readonly Row[]> {
  await using home = await homeFolder()
  const answered: string[] = []
  let unanswered = 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    await using running = await bot(simulator, home.path)
    let dead = false
    // Never at the same place of a batch.
    const after = 1_500 + kill * 137
    const killer = sleep(after).then(() => {
      running.signal('SIGKILL')
      dead = true
    })
    const sent = await pour(running.url, PER_SECOND * SECONDS, `kill${kill}`, () => dead)
    await killer
    await running.exited
    for (const { fingerprint, answer } of sent)
      if (answer?.status === 200) answered.push(`alertmanager/${fingerprint}`)
      else unanswered += 1
  }
  const kept = keptAlerts(join(home.path, 'state'))
  return [
    {
      what: `lost of ${answered.length.toLocaleString('en')} that were answered 200, with ${KILLS} kill -9 in the middle of bursts`,
      value: answered.filter((alert) => !kept.has(alert)).length,
      unit: 'alerts',
      atMost: { value: 0 },
      note: `${unanswered} had no answer yet: their sender sends them again`,
    },
  ]
}

const script = fileURLToPath(new URL('./support/intake-process.ts', import.meta.url))

/** Milliseconds for as many as can be, from all connections at once. */
async function aloneMs(kind: 'grouped' | 'each'): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'homelab-bench-'))
  try {
    process.env.ALERTS = SECRET
    await using started = await startAndWait([script, folder, kind])
    using sender = alertSender(`${started.line.trim()}/alerts/alertmanager`, SECRET, CONNECTIONS)
    const flood = async (total: number) => {
      let next = 0
      const work = async () => {
        while (next < total) {
          const answer = await sender.send(alertmanagerMessage(`alone-${next++}`))
          if (answer?.status !== 200) throw new Error(`answered ${answer?.status}`)
        }
      }
      await Promise.all(Array.from({ length: CONNECTIONS }, work))
    }
    await flood(ALONE / 5)
    const began = performance.now()
    await flood(ALONE)
    return performance.now() - began
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function alone(): Promise<readonly Row[]> {
  const ours: number[] = []
  const theirs: number[] = []
  // In turn, so that whatever else the machine does is shared.
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await aloneMs('grouped'))
    theirs.push(await aloneMs('each'))
  }
  const ms = median(ours)
  return [
    {
      what: `the intake alone, ${ALONE.toLocaleString('en')} messages as fast as ${CONNECTIONS} connections send them`,
      value: ms,
      unit: 'ms',
      atMost: { ratio: 1.1 },
      alternative: { name: 'one commit a message', value: median(theirs) },
      note: `${Math.round((ALONE / ms) * 1000).toLocaleString('en')} accepted/s; most of it is HTTP, on both sides`,
    },
  ]
}
