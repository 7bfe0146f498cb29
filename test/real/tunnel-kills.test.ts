/**
 * The whole bot, killed with SIGKILL while it exposes a service and takes one back: the next one goes on, or goes back.
 * Never is it half, and each change is made once. Cloudflare and Traefik are the simulator's, a process of its own.
 */
import { readFile, writeFile as write } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { botClient, end, kill } from '../faults/support/lives-of-bots.ts'
import { host, nothing, outside, placesOf } from '../integration/tunnel.fixture.ts'
import { environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, type SimulatorEvent, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  home = await homeFolder()
  await writeFile()
})
afterEach(() => home[Symbol.asyncDispose]())

async function writeFile(): Promise<void> {
  const { cloudflare, traefik, ssh, services } = simulator.lab
  const at = services.jellyfin
  const more = `services:
  jellyfin: { guest: 111, address: ${at?.host}, port: ${at?.port} }
  traefik: { guest: 101, private: true }
  cloudflared: { guest: 104, private: true }
network:
  domain: ${cloudflare.domain}
  tunnel:
    id: ${cloudflare.tunnel}
    account: ${cloudflare.account}
    token: env:TEST_CLOUDFLARE
    api: ${cloudflare.api}
    edge: ${cloudflare.edge}
    origin: http://192.168.1.101:80
  traefik: { api: "${traefik.api}", probe: "${traefik.web}", directory: ${traefik.directory} }
  access: { allow: [{ email: owner@example.com }], team: ${cloudflare.team} }
`
  const path = await writeFileFor(simulator, home.path, { more })
  const way = `  ssh: { pve: { host: ${ssh.host}, port: ${ssh.port}, user: ${ssh.user}, key: env:TEST_KEY, fingerprint: "${ssh.hostKey}" } }`
  await write(path, (await readFile(path, 'utf8')).replace('proxmox:\n', `proxmox:\n${way}\n`))
}

const start = () =>
  startBot(
    [],
    {
      ...environment(simulator),
      TEST_CLOUDFLARE: simulator.lab.cloudflare.token,
      TEST_KEY: simulator.lab.ssh.privateKey,
    },
    home.path,
  )
const peer = () => cloudflarePeer(simulator)
const films = host('films')
const exposing = 'tunnel expose jellyfin films'
const taking = `tunnel unexpose ${films}`

async function type(text: string, key: string): Promise<Posted> {
  await using bot = await start()
  const client = await botClient(bot, home.path)
  await client.submit({ text, key, confirmed: true })
  return await end(client, key)
}

/** How much of it there is, by who counts. */
async function made() {
  const { apps, zones, writes } = await peer().state()
  return {
    apps: apps.filter(({ domain }) => domain === films).length,
    records: zones.flatMap(({ records }) => records).filter(({ name }) => name === films).length,
    writes: writes.filter(({ by }) => by === 'api').length,
  }
}

const exposed = {
  comment: 'homelab: jellyfin',
  rule: 'http://192.168.1.101:80',
  enforced: true,
  route: 'homelab-jellyfin-films-harmeetrai-com@file enabled',
  app: films,
}

type Moment = readonly [string, Partial<SimulatorEvent>, { readonly count?: number }?]
const request = (verb: string, path: string): Partial<SimulatorEvent> => ({
  kind: 'request',
  verb,
  path: `~${path}$`,
})

/** Kills the bot at this moment of the command, and lets the next one bring it to its end. */
async function dieAt(text: string, [, event, options]: Moment, cancel = false): Promise<Posted> {
  const key = `a-key-of-${text.length}-${JSON.stringify(event).length}-${cancel}`
  const bot = await start()
  const mark = await simulator.mark()
  const client = await botClient(bot, home.path)
  await client.submit({ text, key, confirmed: true })
  await simulator.waitFor(event, { after: mark, ...options })
  if (cancel) {
    await client.submit({ text: 'run list', key: `${key}-list` })
    const { output } = await end(client, `${key}-list`)
    const id = (output as { runs: { id: string }[] }).runs[0]?.id
    await client.submit({ text: `run cancel ${id}`, key: `${key}-cancel`, confirmed: true })
  }
  await kill(bot)
  await using again = await start()
  return await end(await botClient(again, home.path), key)
}

const onTheWayUp: readonly Moment[] = [
  ['its application is made', request('POST', '/access/apps')],
  ['Traefik takes its route', { kind: 'traefik', what: 'loaded' }],
  ['the rules are looked at', request('GET', '/configurations'), { count: 2 }],
  ['its rule is written', request('PUT', '/configurations')],
  ['its record is made', request('POST', '/dns_records')],
]
const onTheWayDown: readonly Moment[] = [
  ['its record goes', request('DELETE', '/dns_records/[0-9a-f]+')],
  ['its rule goes', request('PUT', '/configurations')],
  ['Traefik lets its route go', { kind: 'traefik', what: 'loaded' }],
  ['its application goes', request('DELETE', '/access/apps/[0-9a-f-]+')],
]

describe('a bot that is killed', () => {
  it.each(onTheWayUp)('while it exposes, when %s, exposes it once', async (...moment) => {
    const posted = await dieAt(exposing, moment as unknown as Moment)
    expect(await placesOf(simulator, films)).toMatchObject(exposed)
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
    expect(await made()).toEqual({ apps: 1, records: 1, writes: 1 })
  })

  it.each(onTheWayDown)('while it takes back, when %s, takes all of it', async (...moment) => {
    expect((await type(exposing, 'a-key-before')).error).toBeUndefined()
    const posted = await dieAt(taking, moment as unknown as Moment)
    expect(await placesOf(simulator, films)).toEqual(nothing)
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
    expect(await made()).toEqual({ apps: 0, records: 0, writes: 2 })
  })

  it.each(onTheWayUp)('after it was told to cancel, when %s, leaves nothing', async (...moment) => {
    const posted = await dieAt(exposing, moment as unknown as Moment, true)
    // Who cancels too late has it exposed; half of it is never.
    const places = await placesOf(simulator, films)
    if (posted.error === undefined) expect(places).toMatchObject(exposed)
    else {
      expect(posted.error).toBe('cancelled')
      expect(places).toEqual(nothing)
    }
  })
})

describe('a bot that is killed while it goes back from an exposure that failed', () => {
  const moments: readonly Moment[] = [
    ['its rule is taken out', request('PUT', '/configurations'), { count: 2 }],
    ['Traefik lets its route go', { kind: 'traefik', what: 'loaded' }, { count: 2 }],
    ['its application goes', request('DELETE', '/access/apps/[0-9a-f-]+')],
  ]
  it.each(moments)('when %s, leaves nothing', async (...moment) => {
    await simulator.fault({
      stale: false,
      cloudflareAnswers: [
        { verb: 'POST', path: '/dns_records', status: 400, code: 1004, message: 'planted' },
      ],
    })
    const posted = await dieAt(exposing, moment as unknown as Moment)
    expect(await placesOf(simulator, films)).toEqual(nothing)
    expect(JSON.stringify(posted.card)).toContain('planted')
    expect(JSON.stringify(posted.card)).not.toContain('Not taken back')
    expect(await made()).toEqual({ apps: 0, records: 0, writes: 2 })
  })
})

describe('a bot that is killed while it puts a row of the drift right', () => {
  it('when a rule that leads to nobody goes, takes it away once', async () => {
    const { config } = (await peer().state()).tunnels[0] ?? {}
    const rule = { hostname: films, service: 'http://192.168.1.101:80' }
    await peer().post('tunnel', { config: { ...config, ingress: [rule, ...(config?.ingress ?? [])] } })
    const posted = await dieAt(`tunnel fix rule-orphan/${films}`, ['', request('PUT', '/configurations')])
    expect(await placesOf(simulator, films)).toEqual(nothing)
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
    expect(await made()).toMatchObject({ writes: 1 })
  })

  it('when a login is put back, makes one', async () => {
    expect((await type(exposing, 'a-key-before')).error).toBeUndefined()
    await peer().post('apps', { remove: films })
    const posted = await dieAt(`tunnel fix access-missing/${films}`, ['', request('POST', '/access/apps')])
    expect(await placesOf(simulator, films)).toMatchObject(exposed)
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
    expect(await made()).toMatchObject({ apps: 1, records: 1 })
  })
})

describe('a bot that is killed while it gives the tunnel a new secret', () => {
  const moments: readonly Moment[] = [
    ['Cloudflare has it', request('PATCH', '/cfd_tunnel/[0-9a-f-]+')],
    ['the new token is asked for', request('GET', '/token'), { count: 2 }],
    ['its connector is looked for', request('GET', '/connections'), { count: 2 }],
  ]
  it.each(moments)('when %s, has the way in open at the end, and it was given once', async (...moment) => {
    const before = (await peer().state()).tunnels[0]
    const posted = await dieAt('tunnel rotate', moment as unknown as Moment)
    const after = (await peer().state()).tunnels[0]
    expect(after?.status).toBe('healthy')
    expect(after?.connectors).toHaveLength(1)
    expect(after?.connectors).not.toEqual(before?.connectors)
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
    const calls = Object.entries(await peer().calls()).filter(([call]) => call.startsWith('PATCH'))
    expect(calls.map(([, count]) => count)).toEqual([1])
    expect(await outside(simulator, host('jellyfin'), '/health')).toBe(200)
  })
})

it('a bot that is killed again and again while it exposes and takes back comes to an end each time', async () => {
  for (let round = 0; round < 6; round++) {
    const up = round % 2 === 0
    const key = `a-key-of-round-${round}`
    const bot = await start()
    await (await botClient(bot, home.path)).submit({ text: up ? exposing : taking, key, confirmed: true })
    const mark = await simulator.mark()
    // A number of requests of Cloudflare later, wherever that is.
    await simulator
      .waitFor(
        { kind: 'request', path: '~/client/v4/' },
        { after: mark, count: 1 + ((round * 3) % 7), timeoutMs: 5_000 },
      )
      .catch(() => [])
    await kill(bot)
    await using again = await start()
    const posted = await end(await botClient(again, home.path), key)
    expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
    const places = await placesOf(simulator, films)
    if (up) expect(places).toMatchObject(exposed)
    else expect(places).toEqual(nothing)
  }
})
