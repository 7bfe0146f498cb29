/** Incidents and maintenance through the Homelab node: a bot as its owner starts it, told by a source; and refused with a file alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Homelab } from '../../n8n-nodes/nodes/Homelab/Homelab.node.ts'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { type Bench, openBench, type Setting } from '../support/n8n-bench.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

const secret = 'secret-of-a-script-0123456789'
const token = `n8n-${'x'.repeat(40)}`
const more = `
services:
  plex: { guest: 110, health: none }
people:
  n8n: { role: operator, token: env:N8N_TOKEN }
alerts:
  sources:
    generic: { secret: env:ALERTS }
`
const node = new Homelab()

let simulator: Simulator
let bench: Bench
let home: Awaited<ReturnType<typeof homeFolder>>
let bot: BotProcess
beforeAll(async () => {
  simulator = await startSimulator()
  bench = openBench()
  home = await homeFolder()
  await writeFileFor(simulator, home.path, { more })
  const env = { ...environment(simulator), N8N_TOKEN: token, ALERTS: secret }
  bot = await startBot([], env, home.path)
})
afterAll(async () => {
  await bench?.[Symbol.asyncDispose]()
  await bot?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
  await simulator?.stop()
})

type Parameters = Setting['parameters']
const incident = (value: string) => ({ __rl: true, mode: 'name', value })
const setting = (resource: string, operation: string, more: Parameters = {}): Setting => ({
  parameters: { authentication: 'bot', resource, operation, ...more },
  credentials: { homelabBotApi: { url: bot.url, token } },
})
const on = async (resource: string, operation: string, more: Parameters = {}, rest: Partial<Setting> = {}) =>
  (await bench.run(node, { ...setting(resource, operation, more), ...rest })).items.map(({ json }) => json)
const open = () => on('alert', 'list', { returnAll: true })
const failure = (work: Promise<unknown>): Promise<Error & { description?: string }> =>
  work.then(
    () => expect.unreachable('it did not fail'),
    (error) => error,
  )

const tell = async (alert: object) => {
  const headers = { authorization: `Bearer ${secret}` }
  const body = JSON.stringify({ labels: { service: 'plex' }, ...alert })
  const answer = await fetch(`${bot.url}/alerts/generic`, { method: 'POST', headers, body })
  expect(answer.status).toBe(200)
}

describe('through the bot', () => {
  it('reads incidents, and takes one in hand, silences it and ends it', async () => {
    await tell({ name: 'PlexDown', severity: 'critical', title: 'plex does not answer' })
    await expect
      .poll(open)
      .toMatchObject([{ severity: 'critical', state: 'firing', about: { service: 'plex' } }])
    const [{ id } = {}] = await open()
    const chosen = { incident: incident(String(id)) }
    expect(await on('alert', 'show', chosen)).toMatchObject([
      { incident: { id, alerts: [{ name: 'PlexDown', source: 'generic' }] }, children: [] },
    ])

    expect(await on('alert', 'ack', { ...chosen, dryRun: true })).toMatchObject([
      { dryRun: true, summary: expect.stringContaining('Take in hand') },
    ])
    expect(await open()).toMatchObject([{ id, state: 'firing' }])
    const byAgent = await on('alert', 'ack', chosen, { byAgent: true })
    expect(byAgent).toMatchObject([{ error: expect.stringContaining('AI agents may only read') }])
    const credentials = { homelabBotApi: { url: bot.url, token, readOnly: true } }
    expect((await failure(on('alert', 'ack', chosen, { credentials }))).message).toContain('read-only')
    expect(await open()).toMatchObject([{ id, state: 'firing' }])

    expect(await on('alert', 'ack', { incident: incident('plex') })).toMatchObject([
      { id, state: 'acknowledged', owner: expect.stringContaining('n8n') },
    ])
    expect(await on('alert', 'silence', { ...chosen, options: { for: '1h' } })).toMatchObject([
      { silenced: true, silencedUntil: expect.any(String) },
    ])
    expect(await on('alert', 'unsilence', chosen)).toMatchObject([{ silenced: false }])
    expect(await on('alert', 'resolve', chosen)).toMatchObject([{ state: 'resolved' }])
    expect(await open()).toEqual([])
    expect(await on('alert', 'list', { returnAll: true, filters: { all: true } })).toMatchObject([{ id }])
    expect((await failure(on('alert', 'ack', chosen))).message).toContain('is over already')
    expect((await failure(on('alert', 'show', { incident: incident('zzzz') }))).message).toContain(
      'no incident "zzzz"',
    )
  })

  it('lists the names of those that are open', async () => {
    await tell({ name: 'PlexSlow', severity: 'warning' })
    await expect.poll(open).toHaveLength(1)
    const [{ id } = {}] = await open()
    const { results = [] } =
      (await node.methods.listSearch.searchIncidents?.call(
        bench.context(node, setting('alert', 'ack')),
        '',
      )) ?? {}
    expect(results.map(({ value }) => value)).toContain(id)
  })

  it('begins and ends maintenance; of the whole lab only when it is confirmed', async () => {
    const began = await on('maintenance', 'start', { what: ['plex'], for: '30m', options: { why: 'a disk' } })
    expect(began).toMatchObject([{ services: ['plex'], why: 'a disk' }])
    expect(await on('maintenance', 'list', { returnAll: true })).toMatchObject([{ what: ['plex'] }])
    expect(await on('maintenance', 'stop', { options: { maintenance: 'plex' } })).toHaveLength(1)
    const all = { what: ['@all'], for: '30m' }
    expect((await failure(on('maintenance', 'start', all))).message).toContain('asks for a confirmation')
    expect(await on('maintenance', 'list', { returnAll: true })).toEqual([])
    expect(await on('maintenance', 'start', { ...all, confirm: true })).toMatchObject([{ all: true }])
    await on('maintenance', 'stop')
  })
})

it('with a file alone there are none, and it says what is needed', async () => {
  const file = `
proxmox:
  endpoints: ${simulator.lab.pve}
  token: { id: "${simulator.lab.token.id}", secret: env:TEST_TOKEN }
`
  const values = [{ name: 'TEST_TOKEN', value: simulator.lab.token.secret }]
  const credentials = { homelabFileApi: { file, references: { values } } }
  for (const [resource, operation] of [
    ['alert', 'list'],
    ['maintenance', 'list'],
  ] as const) {
    const error = await failure(on(resource, operation, { authentication: 'file' }, { credentials }))
    expect(error.message).toContain('needs a running bot')
  }
})
