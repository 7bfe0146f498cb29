/**
 * The whole bot, killed with SIGKILL a hundred times at random. The simulators, which are processes of their own, count
 * what was really done.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { botClient, end, kill } from '../faults/support/lives-of-bots.ts'
import { environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { startSimulator } from '../support/simulator.ts'

const guests = [
  ['plex', 110],
  ['jellyfin', 111],
  ['radarr', 112],
  ['sonarr', 113],
  ['prowlarr', 114],
  ['n8n', 122],
] as const

interface Counted {
  readonly commands: number
  /** What the cards of those say that did not end well. */
  readonly lost: readonly unknown[]
  /** VMID → reboots. */
  readonly asked: Readonly<Record<string, number>>
  readonly done: Readonly<Record<string, number>>
}

async function livesOf(kills: number): Promise<Counted> {
  await using stack = new AsyncDisposableStack()
  const simulator = await startSimulator()
  stack.defer(() => simulator.stop())
  const home = stack.use(await homeFolder())
  await writeFileFor(simulator, home.path, { more: '' })
  const start = () => startBot([], environment(simulator), home.path)
  const accepted: string[] = []
  const asked: Record<string, number> = {}
  for (let round = 0; round < kills; round++) {
    const bot = await start()
    const client = await botClient(bot, home.path)
    for (let command = 0; command < 2; command++) {
      const [name, vmid] = guests[randomInt(guests.length)] ?? guests[0]
      const key = `round-${String(round).padStart(4, '0')}-${command}`
      await client.submit({ text: `restart ${name} wait:false`, key })
      accepted.push(key)
      asked[vmid] = (asked[vmid] ?? 0) + 1
    }
    // Most lives are too short for anything, some are long enough to look for a lost change.
    await delay(round % 4 === 3 ? 3_500 : randomInt(400))
    await kill(bot)
  }
  await using last = await start()
  const client = await botClient(last, home.path)
  const ends = await Promise.all(accepted.map((key) => end(client, key)))
  const { changes } = await simulator.counts()
  return {
    commands: accepted.length,
    lost: ends.filter(({ error }) => error !== undefined).map(({ id, card }) => [id, card.title, card.text]),
    asked,
    done: Object.fromEntries(Object.keys(asked).map((vmid) => [vmid, changes[vmid]?.reboot ?? 0])),
  }
}

it('100 kills at random lose nothing and do nothing twice', async () => {
  // Two labs side by side, because much of each life is waiting.
  const all = await Promise.all([livesOf(50), livesOf(50)])
  for (const { commands, lost, asked, done } of all)
    console.log(
      `50 kills, ${commands} commands: ${lost.length} lost; asked ${JSON.stringify(asked)}, done ${JSON.stringify(done)}`,
    )
  expect(all.flatMap(({ lost }) => lost)).toEqual([])
  for (const { asked, done } of all) expect(done).toEqual(asked)
}, 480_000)
