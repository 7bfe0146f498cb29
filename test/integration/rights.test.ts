/** Rights in the whole bot, as people of a chat meet them: end states of the lab first, words after. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ButtonAction, Caller } from '@homelab/core'
import { type Inventory, parseInventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Bot, type BotOptions, startBot } from '../../bot/src/bot.ts'
import type { Asker } from '../../bot/src/chat/connector.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import { createIdentity } from '../../bot/src/rights/identity.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

const ids = {
  harmeet: '80351110224678912',
  partner: '175928847299117063',
  kid: '41771983423143936',
  eve: '99999999999999999',
}
const people = `
people:
  harmeet: { role: admin, discord: '${ids.harmeet}' }
  partner: { role: operator, discord: '${ids.partner}' }
  kid: { role: viewer, discord: '${ids.kid}' }
channels:
  ops: { discord: '290926798626357999', ops: true }
  family: { discord: '290926798626357111', read_only: true }
`

const nothing = () => {}
const silent = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silent,
} as unknown as BotOptions['log']

let simulator: Simulator
let folder: string
let inventory: Inventory
let base: Inventory
let bot: Bot
let sent = 0

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  folder = await mkdtemp(join(tmpdir(), 'homelab-rights-'))
  base = (await sourceOf(simulator)).inventory()
  setFile(people)
  bot = await start()
})
afterEach(async () => {
  await bot[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** As if the file had been edited and read again. */
function setFile(text: string, change: Partial<Inventory> = {}): void {
  const { people: listed, channels, rights, approve, bot: needs } = parseInventory(text)
  inventory = { ...base, people: listed, channels, rights, approve, bot: needs, confirm: [], ...change }
}

const start = async (): Promise<Bot> =>
  await startBot({
    source: { ...(await sourceOf(simulator, { stateDir: folder })), inventory: () => inventory },
    log: silent,
    port: 0,
  })

function asking(name: keyof typeof ids, channel: string | undefined): Caller {
  const asker: Asker = {
    platform: 'discord',
    user: ids[name],
    name,
    groups: [],
    ...(channel === undefined ? {} : { channel }),
  }
  return createIdentity({ inventory: () => inventory }).callerOf(asker)
}

async function type(name: keyof typeof ids, text: string, channel?: string): Promise<Posted> {
  const caller = asking(name, channel)
  const place = { surface: 'discord', channel: channel ?? name }
  const posted = bot.desk.submit({ text, caller, place, key: `message-${++sent}` })
  return await bot.desk.settled(posted.id, { asking: true })
}

const words = (posted: Posted): string => JSON.stringify(posted.card)
const reboots = async () => (await simulator.counts()).changes
const output = <T>(posted: Posted): T => posted.output as T

function button(posted: Posted, kind: ButtonAction['kind']): ButtonAction {
  const found = posted.card.buttons?.find(({ action }) => action.kind === kind)
  if (found === undefined) throw new Error(`no ${kind} on ${words(posted)}`)
  return found.action
}

it('a grant lets somebody do just that, across a restart of the bot, until it is taken back', async () => {
  const refused = await type('kid', 'restart jellyfin')
  expect([refused.error, refused.card.text]).toEqual([
    'denied',
    '"restart" needs the role operator; kid is viewer.',
  ])
  const command = `grant discord:${ids.kid} restart jellyfin for:2h`
  expect((await type('kid', command)).error).toBe('denied')
  expect((await type('partner', command)).error).toBe('denied')
  expect(await reboots()).toEqual({})

  const given = await type('harmeet', command)
  expect(given).toMatchObject({ state: 'done', card: { title: 'kid may restart jellyfin for 2 h' } })
  expect((await type('kid', 'restart jellyfin wait:false')).error).toBeUndefined()
  expect(await reboots()).toMatchObject({ 111: { reboot: 1 } })
  expect((await type('kid', 'restart plex')).card.text).toBe(
    'kid may use "restart" on jellyfin, not on plex: that needs the role operator.',
  )
  expect((await type('kid', 'restart jellyfin plex')).error).toBe('denied')
  expect((await type('kid', 'stop jellyfin')).error).toBe('denied')
  expect(words(await type('kid', 'whoami'))).toContain('restart jellyfin, for 2 h more (by harmeet)')

  await bot[Symbol.asyncDispose]()
  bot = await start()
  expect((await type('kid', 'restart jellyfin wait:false')).error).toBeUndefined()
  expect(await reboots()).toEqual({ 111: { reboot: 2 } })

  const { grants } = output<{ grants: { id: string }[] }>(await type('partner', 'rights list'))
  expect((await type('partner', `rights revoke ${grants[0]?.id}`)).error).toBe('denied')
  expect((await type('harmeet', `rights revoke ${grants[0]?.id}`)).error).toBeUndefined()
  expect((await type('kid', 'restart jellyfin')).error).toBe('denied')
  expect(await reboots()).toEqual({ 111: { reboot: 2 } })

  const audit = await type('harmeet', 'audit list text:grant limit:100')
  const { entries } = output<{ entries: { command: string; decision: string }[] }>(audit)
  expect(entries.filter((entry) => entry.command === command).map(({ decision }) => decision)).toEqual([
    'succeeded',
    'started',
    'denied',
    'denied',
  ])
})

it('one grants no more than there is, for no longer than a month, and never the right to grant', async () => {
  const told = async (what: string) => (await type('harmeet', `grant ${what}`)).card.text
  expect(await told('kidd restart plex for:1h')).toBe(
    'homelab.yaml has nobody called "kidd". Did you mean kid?',
  )
  expect(await told('discord:12 restart plex for:1h')).toBe('"discord:12" is no id of Discord.')
  expect(await told('kid restrat plex for:1h')).toBe(
    'There is no command "restrat plex" to grant. Did you mean restart?',
  )
  expect(await told('kid restart plx for:1h')).toContain('There is no service or guest "plx".')
  expect(await told('kid grant kid for:1h')).toBe('"grant" cannot be granted.')
  expect(await told('kid rights revoke for:1h')).toBe('"rights revoke" cannot be granted.')
  expect(await told('kid help for:1h')).toBe('"help" cannot be granted.')
  expect(await told('kid task stop plex for:1h')).toBe(
    '"task stop" is not about a service: "plex" is too much.',
  )
  expect(await told('kid restart plex for:31d')).toBe('for: up to 30 days, such as 30m, 2h or 3d.')
  expect(await told('kid restart plex for:soon')).toBe('for: up to 30 days, such as 30m, 2h or 3d.')
  expect(await told('kid restart plex')).toBe('for is missing: For how long: 30m, 2h, 3d.')
  expect((await type('harmeet', 'rights list')).card.title).toBe('No grants')
})

it('a whole command is granted after a question, and by name to all ids of a person', async () => {
  const asked = await type('harmeet', 'grant @kid restart for:30m')
  expect(asked.state).toBe('asking')
  expect(words(asked)).toContain('It is for every service and guest.')
  expect((await type('kid', 'restart plex')).error).toBe('denied')
  bot.desk.press(asked.id, button(asked, 'confirm'), asking('harmeet', undefined), 'press-1')
  expect(output(await bot.desk.settled(asked.id))).toMatchObject({ to: 'person:kid', services: [] })
  expect((await type('kid', 'restart plex wait:false')).error).toBeUndefined()
  expect(await reboots()).toEqual({ 110: { reboot: 1 } })
})

it('who is taken out of the file while a question is open gets nothing any more', async () => {
  const asked = await type('partner', 'stop jellyfin --force')
  expect(asked.state).toBe('asking')
  setFile(people.replace(/ {2}partner.*\n/, ''))
  bot.desk.press(asked.id, button(asked, 'confirm'), asking('partner', undefined), 'press-1')
  expect(await bot.desk.settled(asked.id)).toMatchObject({
    error: 'denied',
    card: { text: '"stop" needs the role operator; partner is not in homelab.yaml.' },
  })
  expect((await type('partner', 'status')).error).toBe('denied')
  const jellyfin = (await simulator.state()).guests.find(({ vmid }) => vmid === 111)
  expect(jellyfin?.state).toBe('running')
  expect(await reboots()).toEqual({})
})

it('somebody who is not in the file learns how to get into it, and nothing about the lab', async () => {
  const posted = await type('eve', 'status')
  expect(posted.error).toBe('denied')
  expect(words(posted)).toContain(`discord: '${ids.eve}'`)
  expect(words(posted)).not.toContain('plex')
  const me = output<{ role: string; may: string[]; yaml: string }>(await type('eve', 'whoami'))
  expect([me.role, me.may]).toEqual(['nobody', ['help', 'whoami']])
  expect(parseInventory(me.yaml).people).toMatchObject([{ name: 'eve', discord: [ids.eve] }])
  expect(bot.desk.complete('', asking('eve', undefined)).map(({ value }) => value)).toEqual([
    'help',
    'whoami',
  ])
})

it('a channel allows less than the person may', async () => {
  const ops = '290926798626357999'
  const family = '290926798626357111'
  expect((await type('harmeet', 'restart plex', family)).card.text).toBe(
    'This channel is for looking only: "restart" changes something.',
  )
  expect((await type('harmeet', 'status health:false', family)).error).toBeUndefined()
  expect((await type('harmeet', 'status', '290926798626357000')).card.text).toBe(
    'homelab is not used in this channel.',
  )
  expect((await type('harmeet', 'whoami', '290926798626357000')).error).toBeUndefined()
  expect(await reboots()).toEqual({})
  expect((await type('harmeet', 'restart plex wait:false', ops)).error).toBeUndefined()
  expect(await reboots()).toEqual({ 110: { reboot: 1 } })
  const offered = bot.desk.complete('', asking('harmeet', family)).map(({ value }) => value)
  expect(offered).toContain('status')
  expect(offered).not.toContain('restart')
})

it('help and `rights show` say what one may do here, and why; those of others are for admins', async () => {
  const help = output<{ commands: { command: string }[] }>(await type('kid', 'help'))
  const commands = help.commands.map(({ command }) => command)
  expect(commands).toContain('status')
  expect(commands).not.toContain('restart')
  await type('harmeet', 'grant kid start @media for:1h')
  const own = output<{ rights: { command: string; why: string }[] }>(await type('kid', 'rights show'))
  expect(own.rights.find(({ command }) => command === 'start')?.why).toMatch(/^@media: grant g\w+ of harmeet/)
  expect((await type('kid', 'rights show harmeet')).error).toBe('denied')
  expect(output(await type('harmeet', 'rights show kid'))).toMatchObject({ name: 'kid', role: 'viewer' })
  expect(output(await type('harmeet', `rights show discord:${ids.eve}`))).toMatchObject({ role: 'nobody' })
})

it('what the bot itself needs is not stopped by a slip', async () => {
  setFile(`${people}bot: { needs: [plex] }\n`)
  const asked = await type('harmeet', 'restart plex wait:false')
  expect(asked.state).toBe('asking')
  const harmeet = asking('harmeet', undefined)
  bot.desk.press(asked.id, button(asked, 'confirm'), harmeet, 'press-1')
  const again = await bot.desk.settled(asked.id, { asking: true })
  expect(again.state).toBe('asking')
  expect(words(again)).toContain('CT 110 on pve: homelab needs plex.')
  expect(await reboots()).toEqual({})
  bot.desk.press(asked.id, button(again, 'confirm'), harmeet, 'press-2')
  expect((await bot.desk.settled(asked.id)).error).toBeUndefined()
  expect(await reboots()).toEqual({ 110: { reboot: 1 } })
})
