/** The whole bot on the simulated lab and a Discord: what its ops channel is told of the backups. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller } from '@homelab/core'
import { type Inventory, parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Bot, type BotOptions, startBot } from '../../bot/src/bot.ts'
import { type Discord, type SeenMessage, startDiscord } from '../support/discord.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

const nothing = () => {}
const silent = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silent,
} as unknown as BotOptions['log']
const me: Caller = { id: 'console:me', name: 'me', role: 'admin', surface: 'chat' }

let simulator: Simulator
let discord: Discord
let folder: string
let inventory: Inventory
let bot: Bot
beforeAll(async () => {
  simulator = await startSimulator()
  discord = await startDiscord()
  folder = await mkdtemp(join(tmpdir(), 'homelab-watch-backups-'))
  const { lab } = simulator
  const { ready } = discord
  inventory = parseInventory(`
proxmox:
  endpoints: ${lab.pve}
  token: { id: "${lab.token.id}", secret: env:TEST_TOKEN }
  fingerprint: "${lab.fingerprint}"
services:
  plex: { guest: 110 }
repositories:
  local: { title: The node, storage: local }
backups:
  media: { title: Media, method: vzdump, guests: [plex], to: [local], schedule: weekly }
discord: { token: env:TEST_DISCORD, guild: '${ready.guild}', api: "${ready.api}" }
channels:
  ops: { discord: '${ready.channels.ops}', ops: true }
`)
  bot = await startBot({
    source: {
      inventory: () => inventory,
      secrets: createSecrets({ env: { TEST_TOKEN: lab.token.secret, TEST_DISCORD: ready.token } }),
      stateDir: folder,
      label: 'test lab',
    },
    log: silent,
    port: 0,
    backupLooks: { firstMs: 0, everyMs: 200 },
  })
})
afterAll(async () => {
  await bot?.[Symbol.asyncDispose]()
  await discord?.stop()
  await simulator?.stop()
  await rm(folder, { recursive: true, force: true })
})

const ops = (pattern: string): Promise<SeenMessage> => discord.waitForText('ops', pattern)
const told = async (text: string): Promise<readonly SeenMessage[]> =>
  (await discord.read('ops')).filter((message) => message.text.includes(text))
const type = async (text: string) => {
  const posted = bot.desk.submit({
    text,
    caller: me,
    place: { surface: 'console', channel: 'test' },
    key: crypto.randomUUID(),
  })
  return await bot.desk.settled(posted.id)
}
const media = (fresh: number) => {
  inventory = { ...inventory, backups: inventory.backups.map((plan) => ({ ...plan, fresh })) }
}

it('a plan without a backup, and one that is stale, is told once in the ops channel, and changes when it is fresh', async () => {
  const never = await ops('Media: no proven backup in The node')
  expect(never.text).toContain('no archive of plex')
  expect((await type('backup run media')).card.title).toBe('Media is backed up')
  expect((await ops('Media is fresh again in The node')).id).toBe(never.id)

  media(1)
  const stale = await ops('Media: no fresh backup in The node')
  // So soon after it was over it is the same incident, on the card that it has.
  expect(stale.id).toBe(never.id)
  media(86_400_000)
  expect((await ops(`Media is fresh again in The node`)).id).toBeDefined()
  await discord.waitFor({ kind: 'message', message: stale.id, text: '~Media is fresh again' })

  expect(await told('in The node')).toHaveLength(1)
}, 60_000)

it('what no plan covers is told once', async () => {
  const message = await ops('things are in no backup')
  expect(message.text).toContain('immich')
  expect(await told('in no backup')).toHaveLength(1)
}, 60_000)

it('the digest says how the backups stand, also when all is well, and who did what', async () => {
  media(86_400_000)
  const listed = await type('schedule list')
  expect(JSON.stringify(listed.card)).toContain('digest/morning')
  await type('schedule run digest/morning')
  const digest = await ops('Since yesterday: ')
  expect(digest.text).toContain('1 fresh')
  expect(digest.text).toMatch(/Done by people[\s\S]*Back up 1 guests to local \(me, /)
}, 60_000)
