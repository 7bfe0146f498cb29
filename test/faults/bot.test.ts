/**
 * The whole bot, killed with SIGKILL while it works, at the moments around sending a change.
 * The simulator, which is a process of its own, counts what was really done.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { botClient, end, kill } from './support/lives-of-bots.ts'

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
const clientOf = (bot: BotProcess) => botClient(bot, home.path)

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
