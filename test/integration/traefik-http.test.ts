/** Traefik's HTTP provider on the bot's own endpoint, with the bot's own store. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { serve } from '../../bot/src/api/serve.ts'
import { createDocuments, createTraefikDocument, traefikToken } from '../../bot/src/api/traefik.ts'
import { type Bot, startBot } from '../../bot/src/bot.ts'
import { openStore } from '../../bot/src/store/index.ts'
import { createDocument } from '../../core/src/traefik/index.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'
import { freePort } from '../support/sshd.ts'
import { onTraefik, routeTo, visit } from '../support/traefik.ts'

let simulator: Simulator
let dir: string
let since: number
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'homelab-traefik-http-'))
  since = await simulator.mark()
})
afterEach(async () => {
  await simulator.reset()
  rmSync(dir, { recursive: true, force: true })
})
afterAll(async () => await simulator?.stop())

/** What of the bot Traefik sees: its store, its token and its endpoint. */
async function startEndpoint(port = 0) {
  const store = await openStore(join(dir, 'desk.db'))
  const documents = createDocuments(() => store.facts)
  const token = await traefikToken(dir)
  const served = await serve(createTraefikDocument({ documents, token }), {
    host: '127.0.0.1',
    port,
    setting: 'network.traefik.listen',
  })
  const place = createDocument(documents)
  const on = onTraefik(simulator.lab, { place })
  return {
    port: served.port,
    url: `${served.url}/traefik`,
    headers: { authorization: `Bearer ${token.reveal()}` },
    place,
    traefik: on.traefik,
    async [Symbol.asyncDispose]() {
      await on[Symbol.asyncDispose]()
      await served.close()
      await store.close()
    },
  }
}

const radarr = () => routeTo(simulator.lab, 'radarr')

test('a route is put, polled, routed, and taken away again', async () => {
  await using bot = await startEndpoint()
  await simulator.traefikPolls(bot.url, bot.headers)
  await bot.traefik.put(radarr())
  expect(await bot.traefik.wait(radarr())).toMatchObject({ name: 'homelab-radarr@http', provider: 'http' })
  expect((await visit(simulator.lab.traefik.web, 'radarr.harmeetrai.com')).body).toContain('Radarr')
  expect(await bot.traefik.files()).toMatchObject([{ name: 'homelab-radarr', ours: true, route: radarr() }])
  await bot.traefik.remove('homelab-radarr')
  // The last one gone is an empty document, which Traefik must take.
  await bot.traefik.gone('homelab-radarr')
  expect((await visit(simulator.lab.traefik.web, 'radarr.harmeetrai.com')).status).toBe(404)
  // The files of the other provider are still there.
  expect((await visit(simulator.lab.traefik.web, 'jellyfin.harmeetrai.com')).status).toBe(200)
})

test('while the bot is away, and after its restart, the routes stay', async () => {
  let port: number
  {
    await using bot = await startEndpoint()
    port = bot.port
    await simulator.traefikPolls(bot.url, bot.headers)
    await bot.traefik.put(radarr())
    await bot.traefik.wait(radarr())
  }
  await simulator.waitFor({ kind: 'traefik', what: 'refused', provider: 'http' }, { after: since })
  expect((await visit(simulator.lab.traefik.web, 'radarr.harmeetrai.com')).status).toBe(200)
  await using again = await startEndpoint(port)
  const sonarr = routeTo(simulator.lab, 'sonarr')
  await again.traefik.put(sonarr)
  await again.traefik.wait(sonarr)
  expect((await simulator.traefik()).routers.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['homelab-radarr@http', 'homelab-sonarr@http']),
  )
})

test('a wrong token changes nothing of what Traefik has', async () => {
  await using bot = await startEndpoint()
  await simulator.traefikPolls(bot.url, bot.headers)
  await bot.traefik.put(radarr())
  await bot.traefik.wait(radarr())
  await simulator.traefikPolls(bot.url, { authorization: 'Bearer wrong' })
  await bot.traefik.remove('homelab-radarr')
  await simulator.waitFor(
    { kind: 'traefik', what: 'refused', text: '~received non-ok response code: 401' },
    { after: since },
  )
  await using impatient = onTraefik(simulator.lab, { place: bot.place, impatient: true })
  await expect(impatient.traefik.gone('homelab-radarr')).rejects.toMatchObject({
    code: 'timeout',
    hint: expect.stringContaining('providers.http'),
  })
})

test('the whole bot: exposed, taken by Traefik, there again after a restart, and taken back', async () => {
  const port = await freePort()
  const change = (inventory: Inventory): Inventory => ({
    ...inventory,
    network: {
      ...inventory.network,
      traefik: { ...inventory.network.traefik, provider: 'http', listen: { host: '127.0.0.1', port } },
    },
  })
  const start = async () =>
    await startBot({
      source: await sourceOf(simulator, { stateDir: dir, change }),
      log: pino({ level: 'silent' }),
      port: 0,
    })
  const owner: Caller = { id: 'cli:local', name: 'owner', role: 'admin', surface: 'cli' }
  const type = async (bot: Bot, text: string) => {
    const place = { surface: 'cli', channel: 'cli' }
    const posted = bot.desk.submit({ text, caller: owner, place, key: text, confirmed: true })
    return await bot.desk.settled(posted.id, { asking: true })
  }
  {
    await using bot = await start()
    const authorization = `Bearer ${(await traefikToken(dir)).reveal()}`
    await simulator.traefikPolls(`http://127.0.0.1:${port}/traefik`, { authorization })
    expect(await type(bot, 'tunnel expose sonarr tv')).toMatchObject({
      state: 'done',
      output: { hostname: 'tv.harmeetrai.com', changed: true },
    })
    const { routers } = await simulator.traefik()
    expect(routers.filter(({ name }) => name.endsWith('@http'))).toMatchObject([
      { rule: 'Host(`tv.harmeetrai.com`)', status: 'enabled' },
    ])
    // The address of its own has the document, and neither the API nor the console.
    for (const path of ['/', '/healthz', '/api/about'])
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404)
  }
  await using again = await start()
  expect(await type(again, 'tunnel unexpose tv.harmeetrai.com')).toMatchObject({
    state: 'done',
    output: { hostname: 'tv.harmeetrai.com' },
  })
  const { routers } = await simulator.traefik()
  expect(routers.filter(({ name }) => name.endsWith('@http'))).toEqual([])
})
