/**
 * The whole bot, killed with SIGKILL while it works: at the moments around sending a change, and 100 times at random.
 * The simulator, which is a process of its own, counts what was really done.
 */
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Secret } from '@homelab/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ApiClient, createApiClient } from '../../bot/src/api/client.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
beforeEach(async () => {
  await simulator.reset()
  home = await homeFolder()
  await writeFileFor(simulator, home.path, { more: '' })
})
afterEach(() => home[Symbol.asyncDispose]())

const start = () => startBot([], environment(simulator), home.path)

async function clientOf(bot: BotProcess): Promise<ApiClient> {
  const token = await readFile(`${home.path}/state/api-token`, 'utf8')
  return createApiClient({ url: bot.url, token: new Secret(token), giveUpMs: 500 })
}

async function kill(bot: BotProcess): Promise<void> {
  bot.signal('SIGKILL')
  await bot.exited
}

/** The last state of a card. */
async function end(client: ApiClient, id: string): Promise<Posted> {
  let last: Posted | undefined
  for await (const posted of client.follow(id)) last = posted
  if (last === undefined) throw new Error(`no card ${id}`)
  return last
}

/** A bot that takes up what the one before left, until the card is done. */
async function finish(id: string): Promise<Posted> {
  await using bot = await start()
  return await end(await clientOf(bot), id)
}

const reboots = async (vmid: number) => (await simulator.counts()).changes[String(vmid)]?.reboot ?? 0

describe('a restart whose bot is killed', () => {
  const reboot = { verb: 'POST', path: '/nodes/pve/lxc/110/status/reboot' }

  it('when the request has arrived and is not carried out yet', async () => {
    const bot = await start()
    await simulator.fault({ holdBefore: 1 })
    await (await clientOf(bot)).submit({ text: 'restart plex wait:false', key: 'a-key-000001' })
    await simulator.waitFor({ kind: 'held', ...reboot })
    await kill(bot)
    // What a server does with a request whose client is gone: it carries it out.
    await simulator.release()
    expect(await finish('a-key-000001')).toMatchObject({
      state: 'done',
      output: { results: [{ vmid: 110 }] },
    })
    expect(await reboots(110)).toBe(1)
  })

  it('when it is carried out and the answer is on its way', async () => {
    const bot = await start()
    await simulator.fault({ holdAfter: 1 })
    await (await clientOf(bot)).submit({ text: 'restart plex wait:false', key: 'a-key-000002' })
    await simulator.waitFor({ kind: 'held', phase: 'after', ...reboot })
    await kill(bot)
    await simulator.release()
    const posted = await finish('a-key-000002')
    expect(posted.error).toBeUndefined()
    expect(await reboots(110)).toBe(1)
  })

  it('while its task runs', async () => {
    await simulator.fault({ taskMs: { vzreboot: 3_000 } })
    const bot = await start()
    const mark = await simulator.mark()
    await (await clientOf(bot)).submit({ text: 'restart plex wait:false', key: 'a-key-000003' })
    await simulator.waitFor({ kind: 'task', type: 'vzreboot' }, { after: mark })
    await kill(bot)
    const posted = await finish('a-key-000003')
    expect(posted.error).toBeUndefined()
    expect(await reboots(110)).toBe(1)
  })

  it('and the same message comes again', async () => {
    const bot = await start()
    const mark = await simulator.mark()
    await (await clientOf(bot)).submit({ text: 'restart plex wait:false', key: 'a-key-000004' })
    await simulator.waitFor({ kind: 'done', ...reboot }, { after: mark })
    await kill(bot)
    await using next = await start()
    const client = await clientOf(next)
    await client.submit({ text: 'restart plex wait:false', key: 'a-key-000004' })
    expect((await end(client, 'a-key-000004')).error).toBeUndefined()
    expect(await reboots(110)).toBe(1)
  })

  it('and takes it over within 5 s of being started again', async () => {
    await simulator.fault({ taskMs: { vzreboot: 60_000 } })
    const bot = await start()
    const mark = await simulator.mark()
    await (await clientOf(bot)).submit({ text: 'restart plex wait:false', key: 'a-key-000005' })
    const [task] = await simulator.waitFor({ kind: 'task', type: 'vzreboot' }, { after: mark })
    await kill(bot)
    const before = await simulator.mark()
    await using _next = await start()
    // The sign that it is followed again: its task is asked about.
    const path = `/nodes/pve/tasks/${task?.upid}/status`
    expect(
      await simulator.waitFor({ kind: 'request', verb: 'GET', path }, { after: before, timeoutMs: 5_000 }),
    ).toHaveLength(1)
    expect(await reboots(110)).toBe(1)
  })
})

it('100 kills at random lose nothing and do nothing twice', async () => {
  const KILLS = 100
  const guests = [
    ['plex', 110],
    ['jellyfin', 111],
    ['radarr', 112],
    ['sonarr', 113],
    ['prowlarr', 114],
    ['n8n', 122],
  ] as const
  const accepted: string[] = []
  const asked = new Map<number, number>()
  for (let round = 0; round < KILLS; round++) {
    const bot = await start()
    const client = await clientOf(bot)
    for (let command = 0; command < 2; command++) {
      const [name, vmid] = guests[randomInt(guests.length)] ?? guests[0]
      const key = `round-${String(round).padStart(4, '0')}-${command}`
      await client.submit({ text: `restart ${name} wait:false`, key })
      accepted.push(key)
      asked.set(vmid, (asked.get(vmid) ?? 0) + 1)
    }
    // Most lives are too short for anything, some are long enough to look for a lost change.
    await delay(round % 4 === 3 ? 3_500 : randomInt(400))
    await kill(bot)
  }
  await using last = await start()
  const client = await clientOf(last)
  const ends = await Promise.all(accepted.map((key) => end(client, key)))
  const { changes } = await simulator.counts()
  const done = Object.fromEntries([...asked.keys()].map((vmid) => [vmid, changes[String(vmid)]?.reboot ?? 0]))
  const lost = ends.filter((posted) => posted.error !== undefined)
  console.log(
    `${KILLS} kills, ${accepted.length} commands: ${lost.length} lost; asked ${JSON.stringify([...asked])}, done ${JSON.stringify(done)}`,
  )
  expect(lost.map((posted) => [posted.id, posted.card.title, posted.card.text])).toEqual([])
  expect(done).toEqual(Object.fromEntries(asked))
  // A hundred starts, and 25 lives of some seconds each.
}, 480_000)
