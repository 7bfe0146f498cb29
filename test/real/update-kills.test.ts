/** The whole bot, killed with SIGKILL while it updates a service: the update goes on without it, and is done once. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { botClient, end, kill } from '../faults/support/lives-of-bots.ts'
import { environment, homeFolder, startBot } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  home = await homeFolder()
  const { lab } = simulator
  const { host, port } = lab.services.vaultwarden ?? { host: '', port: 0 }
  await writeFile(
    join(home.path, 'homelab.yaml'),
    `
proxmox:
  endpoints: ${lab.pve}
  token: { id: "${lab.token.id}", secret: env:TEST_TOKEN }
  fingerprint: "${lab.fingerprint}"
  ssh: { pve: { host: ${lab.ssh.host}, port: ${lab.ssh.port}, user: ${lab.ssh.user}, key: env:TEST_KEY, fingerprint: "${lab.ssh.hostKey}" } }
console: { port: 0, role: admin }
state: ${JSON.stringify(join(home.path, 'state'))}
services:
  vaultwarden: { guest: 123, address: ${host}, port: ${port} }
`,
  )
})
afterEach(() => home[Symbol.asyncDispose]())

const start = () =>
  startBot([], { ...environment(simulator), TEST_KEY: simulator.lab.ssh.privateKey }, home.path)
const changes = async () => (await simulator.counts()).changes['123']

/** Kills the bot in the middle of the update, and lets another take it up to its end. */
async function dieAndFinish(key: string): Promise<Posted> {
  const bot = await start()
  const mark = await simulator.mark()
  await (await botClient(bot, home.path)).submit({
    text: 'update run vaultwarden only:packages health:10',
    key,
    confirmed: true,
  })
  await simulator.waitFor({ kind: 'update', vmid: 123, state: 'begun' }, { after: mark, timeoutMs: 60_000 })
  await kill(bot)
  await using again = await start()
  return await end(await botClient(again, home.path), key)
}

it('is finished by the next bot, which begins nothing again', async () => {
  await simulator.fault({ stale: false, updateMs: 3_000 })
  const posted = await dieAndFinish('an-update-that-is-cut')
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  const inside = await simulator.inside(123)
  expect(inside.packages.every(({ to }) => to === undefined)).toBe(true)
  expect(await changes()).toEqual({ snapshot: 1 })
  expect(posted.output).toMatchObject({
    updated: true,
    packages: [{ name: 'openssl' }, { name: 'tzdata' }],
    healthy: true,
  })
})

it('is taken back by the next bot when it has failed meanwhile', async () => {
  const before = (await simulator.inside(123)).packages
  await simulator.fault({ stale: false, updateMs: 3_000, updateTrouble: { '123': 'breaks' } })
  const posted = await dieAndFinish('an-update-that-breaks')
  expect(posted.error).toBe('failed')
  expect((await simulator.inside(123)).packages).toEqual(before)
  expect(await changes()).toEqual({ snapshot: 1, rollback: 1, start: 1 })
  expect(JSON.stringify(posted.card)).toContain('It is as it was before')
})

it('is ended in its container by a cancel, and taken back', async () => {
  const before = (await simulator.inside(123)).packages
  await simulator.fault({ stale: false, updateMs: 600_000 })
  await using bot = await start()
  const client = await botClient(bot, home.path)
  const mark = await simulator.mark()
  const key = 'an-update-that-is-cancelled'
  await client.submit({ text: 'update run vaultwarden only:packages', key, confirmed: true })
  await simulator.waitFor({ kind: 'update', vmid: 123, state: 'begun' }, { after: mark, timeoutMs: 60_000 })
  const { run } = (await first(client, key)) ?? {}
  await client.submit({ text: `run cancel ${run}`, key: 'a-cancel', confirmed: true })
  const posted = await end(client, key)
  expect(posted.error, JSON.stringify(posted.card)).toBe('cancelled')
  expect((await simulator.inside(123)).packages).toEqual(before)
  expect(await changes()).toEqual({ snapshot: 1, rollback: 1, start: 1 })
  expect((await simulator.state()).guests.find(({ vmid }) => vmid === 123)).toMatchObject({
    state: 'running',
  })
})

/** As the card is now. */
async function first(
  client: Awaited<ReturnType<typeof botClient>>,
  key: string,
): Promise<Posted | undefined> {
  for await (const posted of client.follow(key)) return posted
  return undefined
}
