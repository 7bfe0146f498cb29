/** The console and the API of a whole bot, over real connections, on the simulated lab. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { Secret } from '@homelab/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createApiClient } from '../../bot/src/api/client.ts'
import { readEvents } from '../../bot/src/api/sse.ts'
import {
  type BotProcess,
  environment,
  failedBot,
  homeFolder,
  startBot,
  writeFileFor,
} from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

const plex = 110

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>
let bot: BotProcess
let cookie: string
let csrf: string

beforeAll(async () => {
  simulator = await startSimulator()
  home = await homeFolder()
  await writeFileFor(simulator, home.path)
  bot = await startBot([], environment(simulator), home.path)
  const page = await fetch(bot.url)
  cookie = page.headers.get('set-cookie')?.split(';')[0] ?? ''
  csrf = /name="csrf" content="([^"]+)"/.exec(await page.text())?.[1] ?? ''
})
afterAll(async () => {
  await bot?.[Symbol.asyncDispose]()
  await simulator?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
})
beforeEach(() => simulator.reset())

const say = (text: string, key: string): Promise<Response> =>
  fetch(`${bot.url}/console/commands`, {
    method: 'POST',
    body: new URLSearchParams({ csrf, key, text }),
    headers: { cookie, accept: 'application/json' },
  })

/** Every state of a card that the page is told of, to the last. */
async function watch(key: string): Promise<{ state: string; html: string }[]> {
  const gone = new AbortController()
  const events = await fetch(`${bot.url}/console/events`, { headers: { cookie }, signal: gone.signal })
  const cards: { state: string; html: string }[] = []
  for await (const { event, data } of readEvents(events.body ?? new ReadableStream())) {
    if (event !== 'card' || !data.includes(`card-${key}`)) continue
    cards.push(JSON.parse(data))
    if (cards.at(-1)?.state === 'done') break
  }
  gone.abort()
  return cards
}

const statusFor = (host: string): Promise<number | undefined> => {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  request(bot.url, { headers: { host } }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
    .on('error', reject)
    .end()
  return promise
}

describe('the console of a bot', () => {
  it('restarts plex, and tells every step to whoever watches', async () => {
    const watched = watch('restart-plex-1')
    const taken = await say('/homelab restart plex', 'restart-plex-1')
    const cards = await watched
    const { changes } = await simulator.counts()
    expect(changes[plex]).toEqual({ reboot: 1 })
    expect(taken.status).toBe(202)
    expect(cards.at(-1)?.html).toMatch(/class="card tone-ok".*plex/s)
    expect(cards.some(({ html }) => html.includes('role="progressbar"'))).toBe(true)

    const runs = await (await fetch(`${bot.url}/runs`, { headers: { cookie } })).text()
    const [, path = ''] = /href="(\/runs\/[^"]+)"/.exec(runs) ?? []
    const run = await (await fetch(`${bot.url}${path}`, { headers: { cookie } })).text()
    expect(run).toMatch(/succeeded.*vzreboot:110/s)
  })

  it('makes one change of a form that is sent twice', async () => {
    await Promise.all([say('restart plex', 'restart-plex-2'), say('restart plex', 'restart-plex-2')])
    await watch('restart-plex-2')
    expect((await simulator.counts()).changes[plex]).toEqual({ reboot: 1 })
  })

  it('lets nobody change a thing whose page is not ours', async () => {
    const forged = await fetch(`${bot.url}/console/commands`, {
      method: 'POST',
      body: new URLSearchParams({ csrf, text: 'restart plex' }),
      headers: { cookie, origin: 'https://evil.example' },
    })
    const blind = await fetch(`${bot.url}/console/commands`, {
      method: 'POST',
      body: new URLSearchParams({ text: 'restart plex' }),
      headers: { cookie },
    })
    expect([forged.status, blind.status]).toEqual([403, 403])
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('answers to the name and port it listens on, and to no other', async () => {
    const { port } = new URL(bot.url)
    expect(await statusFor(`localhost:${port}`)).toBe(200)
    expect(await statusFor(`evil.example:${port}`)).toBe(403)
    expect(await statusFor('localhost:1')).toBe(403)
  })

  it('answers garbage of any size and lives on', async () => {
    const large = await say('\u{1F525}'.repeat(16_384), 'garbage-0001')
    const huge = await say('\u{1F525}'.repeat(500_000), 'garbage-0002').then(
      ({ status }) => status,
      // It is refused before it is read, and may still be sending when the connection closes.
      (error: Error) => (/EPIPE|ECONNRESET/.test(String(error.cause)) ? 413 : error),
    )
    expect([large.status, huge]).toEqual([400, 413])
    expect(await large.json()).toMatchObject({
      code: 'usage',
      message: expect.stringContaining('at most 4,000'),
    })
    const well = await fetch(`${bot.url}/healthz`)
    expect(await well.json()).toMatchObject({ status: 'ok' })
  })
})

describe('the API of a bot', () => {
  it('does what a terminal asks for, and refuses a terminal without the token', async () => {
    const token = new Secret(await readFile(join(home.path, 'state', 'api-token'), 'utf8'))
    const client = createApiClient({ url: bot.url, token })
    const { id } = await client.submit({ text: 'restart plex' })
    const states = []
    for await (const { state } of client.follow(id)) states.push(state)
    expect((await simulator.counts()).changes[plex]).toEqual({ reboot: 1 })
    expect(states.at(-1)).toBe('done')
    expect((await client.complete('restart ple')).map(({ value }) => value)).toContain('plex')

    const stranger = createApiClient({ url: bot.url, token: new Secret('guessed') })
    await expect(stranger.submit({ text: 'restart plex' })).rejects.toMatchObject({ code: 'unauthorised' })
    expect((await simulator.counts()).changes[plex]).toEqual({ reboot: 1 })
  })

  it('is on a port of its own: a second one names the setting to change', async () => {
    await using other = await homeFolder()
    await writeFileFor(simulator, other.path)
    const { port } = new URL(bot.url)
    const { code, stderr } = await failedBot(['--port', port], environment(simulator), other.path)
    expect(code).toBe(1)
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is taken`)
    expect(stderr).toContain('console.port')
  })
})
