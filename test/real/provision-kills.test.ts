/**
 * The whole bot, killed with SIGKILL while it makes a service, again and again: each is complete in the end, or gone from
 * every system. Also a few with a fault at a random step, and some at once.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { botClient, end, kill } from '../faults/support/lives-of-bots.ts'
import { crowdProvisioning, soakProvisioning } from '../faults/support/provision-soak.ts'
import { blueprints, fileText } from '../integration/provision.fixture.ts'
import { host, nothing, placesOf } from '../integration/tunnel.fixture.ts'
import { homeFolder, startBot } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>
let first: readonly number[]

const vmids = async () => (await simulator.state()).guests.map(({ vmid }) => vmid).toSorted()
const path = () => join(home.path, 'homelab.yaml')

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  await simulator.changeGuest(111, { remove: true })
  first = await vmids()
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  home = await homeFolder()
  const own = join(home.path, 'blueprints')
  await mkdir(own)
  await writeFile(
    join(own, 'films.yaml'),
    String(blueprints.jellyfin).replace('title: Jellyfin', 'title: Films'),
  )
  const state = JSON.stringify(join(home.path, 'state'))
  await writeFile(
    path(),
    `${fileText(simulator)}blueprints: ${own}\nconsole: { port: 0, role: admin }\nstate: ${state}\n`,
  )
  return () => home[Symbol.asyncDispose]()
})

const start = () => startBot([], { ...process.env, NO_COLOR: '1', ...secretsOf(simulator.lab) }, home.path)

it('is complete or gone after each kill', async () => {
  const text = await readFile(path(), 'utf8')
  for (let round = 0; round < 4; round += 1) {
    const key = `a-key-of-round-${round}`
    const bot = await start()
    const mark = await simulator.mark()
    await (await botClient(bot, home.path)).submit({ text: 'provision films', key, confirmed: true })
    // A number of its calls and commands later, wherever that is; not one of them is the same in two rounds.
    const kind = round % 2 === 0 ? 'request' : 'exec'
    await simulator
      .waitFor(
        { kind },
        {
          after: mark,
          count: 4 + Math.floor(round / 2) * 12 + Math.floor(Math.random() * 12),
          timeoutMs: 8_000,
        },
      )
      .catch(() => [])
    await kill(bot)
    await using again = await start()
    const client = await botClient(again, home.path)
    const posted = await end(client, key)
    const about = JSON.stringify(posted.card)
    if (posted.error === undefined) {
      const { vmid } = posted.output as { readonly vmid: number }
      const { guests } = await simulator.state()
      expect(guests.filter(({ name }) => name === 'films')).toEqual([
        expect.objectContaining({ vmid, state: 'running' }),
      ])
      expect(await placesOf(simulator, host('films'))).toMatchObject({ comment: 'homelab: films open' })
      expect(await readFile(path(), 'utf8')).toContain(`guest: ${vmid}\n`)
      const taking = 'deprovision films films backup:false drill:false'
      await client.submit({ text: taking, key: `${key}-end`, confirmed: true })
      const gone = await end(client, `${key}-end`)
      expect(gone.error, JSON.stringify(gone.card)).toBeUndefined()
    }
    expect(await vmids(), about).toEqual(first)
    expect(await placesOf(simulator, host('films')), about).toEqual(nothing)
    expect(await readFile(path(), 'utf8'), about).toBe(text)
  }
})

it('is complete or gone with a fault at a random step', async () => {
  const only = ['task ends badly', 'Cloudflare refuses']
  const seed = Date.now() % 1_000_000
  const { wrong } = await soakProvisioning({ runs: 2, seed, say: () => {}, only })
  expect(wrong).toEqual([])
})

it('makes six at once on three nodes', async () => {
  const { made, failed, wrong } = await crowdProvisioning({ count: 6, rounds: 1 })
  expect({ made, failed, wrong }).toEqual({ made: 6, failed: [], wrong: [] })
})
