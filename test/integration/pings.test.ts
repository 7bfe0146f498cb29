/** The dead man's switch against a real HTTPS server on the loopback: what it was asked in the end, whatever happened on the way. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Caller, type Clock, HomelabError, Secret } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { createHttp, systemClock } from '@homelab/core/node'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { FactStore } from '../../bot/src/chat/connector.ts'
import { openRuns } from '../../bot/src/runs/index.ts'
import { openStore } from '../../bot/src/store/index.ts'
import { startPings } from '../../bot/src/watch/index.ts'
import { type Script, type ScriptedServer, startServer } from '../../core/src/node/testing.ts'

const address = '/0c5f8a3e-secret'
const caller: Caller = { id: 'schedule:x', name: 'schedule', role: 'admin', surface: 'api' }
const inventory = parseInventory(`
repositories:
  b2: { restic: 's3:x/y', password: env:B2 }
  usb: { restic: /mnt/usb, password: env:B2 }
backups:
  photos: { method: restic, node: pve, paths: [/p], to: [b2], schedule: daily, ping: env:PING }
  both: { method: restic, node: pve, paths: [/p], to: [b2, usb], schedule: daily, ping: env:PING }
  quiet: { method: restic, node: pve, paths: [/p], to: [b2], schedule: daily }
`)

let folder: string
let server: ScriptedServer & AsyncDisposable
const answer: Script = () => ({ status: 200, body: 'OK' })
const broken: Script = () => ({ status: 503 })
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homelab-pings-'))
  server = await startServer(answer)
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

interface Options {
  /** Authority that is trusted; default: the server's. */
  readonly trusted?: boolean
  /** Milliseconds that the wall clock is ahead. */
  readonly ahead?: number
  /** Runs end while nobody listens. */
  readonly deaf?: boolean
  readonly secret?: string
}

/** The plans of which something is to be said. */
const waitingIn = (facts: FactStore): readonly string[] =>
  Object.keys((facts.get('watch.pings') as { waiting?: object } | undefined)?.waiting ?? {})

/** The parts of a bot that pings need, on a state folder that outlives it. Runs fail or are cancelled as their input says. */
async function open({ trusted = true, ahead = 0, deaf = false, secret }: Options = {}) {
  const runs = await openRuns({
    file: join(folder, 'runs.db'),
    clock: systemClock,
    async execute({ input }, { signal }) {
      const { repository } = input as { repository?: string }
      if (repository === 'fails') throw new HomelabError('failed', 'It failed.')
      if (repository === 'hangs')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      return {}
    },
  })
  const store = await openStore(join(folder, 'desk.db'))
  const http = createHttp(trusted ? { ca: server.certificate } : {})
  const logged: unknown[] = []
  const say = (facts: object, text: string) => void logged.push([facts, text])
  let paused = Promise.withResolvers<() => void>()
  const clock: Clock = {
    now: () => new Date(Date.now() + ahead),
    monotonic: () => performance.now(),
    sleep: (_, signal) =>
      new Promise((wake, reject) => {
        if (signal?.aborted === true) return reject(signal.reason)
        signal?.addEventListener('abort', () => reject(signal.reason))
        paused.resolve(wake)
      }),
  }
  let none = Promise.withResolvers<void>()
  const facts: FactStore = {
    get: (name) => store.facts.get(name),
    async set(name, value) {
      const before = waitingIn(store.facts)
      await store.facts.set(name, value)
      if (before.length > 0 && waitingIn(store.facts).length === 0) none.resolve()
    },
  }
  const pings = deaf
    ? undefined
    : startPings({
        runs,
        inventory: () => inventory,
        secrets: { resolve: async () => new Secret(secret ?? `${server.url}${address}`) },
        http,
        facts,
        clock,
        log: { warn: say, error: say },
      })
  let open = true
  const close = async () => {
    if (!open) return
    open = false
    await pings?.stop()
    await runs.close()
    await store.close()
    await http.close()
  }
  const begin = async (plan: string, repository?: string) =>
    (
      await runs.start({
        operation: 'backup.run',
        title: plan,
        input: { plan, ...(repository === undefined ? {} : { repository }) },
        caller,
        key: crypto.randomUUID(),
        locks: [],
      })
    ).run.id
  return {
    runs,
    store,
    begin,
    async back(plan: string, repository?: string) {
      await runs.finished(await begin(plan, repository))
    },
    /** Resolves when it waits before it tries again; what it returns ends the wait. */
    async waits(): Promise<() => void> {
      const wake = await paused.promise
      paused = Promise.withResolvers()
      return wake
    },
    /** Resolves when nothing waits any more. */
    async allSaid() {
      await none.promise
      none = Promise.withResolvers()
    },
    logged: () => JSON.stringify(logged),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const asked = () => server.calls.map(({ method, path }) => `${method} ${path}`)

it('says each success, and each failure at /fail', async () => {
  await using bot = await open()
  await bot.back('photos')
  await bot.allSaid()
  await bot.back('photos', 'fails')
  await bot.allSaid()

  expect(asked()).toEqual([`GET ${address}`, `GET ${address}/fail`])
})

it('says nothing of what is cancelled, of a part of the repositories, and of plans without one', async () => {
  await using bot = await open()
  await bot.back('quiet')
  await bot.back('both', 'usb')
  const hanging = await bot.begin('photos', 'hangs')
  await bot.runs.cancel(hanging, caller)
  await bot.runs.finished(hanging)
  await bot.back('both')
  await bot.allSaid()

  expect(asked()).toEqual([`GET ${address}`])
  expect(bot.logged()).toBe('[]')
})

it('tries again what was not taken', async () => {
  server.script = broken
  await using bot = await open()
  await bot.back('photos')
  const wake = await bot.waits()
  server.script = answer
  wake()
  await bot.allSaid()

  expect(asked()).toEqual([`GET ${address}`, `GET ${address}`])
  expect(bot.logged()).toContain('503')
})

it('says how it is now, and not how it was', async () => {
  server.script = broken
  await using bot = await open()
  await bot.back('photos')
  await bot.waits()
  server.script = answer
  await bot.back('photos', 'fails')
  await bot.allSaid()

  expect(asked()).toEqual([`GET ${address}`, `GET ${address}/fail`])
})

it('a death loses none, neither what waited nor what ended while nobody listened, and none is said twice', async () => {
  server.script = () => 'cut'
  {
    await using bot = await open()
    await bot.back('photos')
    await bot.waits()
    expect(waitingIn(bot.store.facts)).toEqual(['photos'])
  }
  {
    await using bot = await open({ deaf: true })
    await bot.back('both', 'fails')
  }
  const before = server.calls.length
  server.script = answer
  {
    await using bot = await open()
    await bot.allSaid()
    expect(asked().slice(before).toSorted()).toEqual([`GET ${address}`, `GET ${address}/fail`])
  }
  await using next = await open()
  await next.back('photos')
  await next.allSaid()
  expect(asked().slice(before + 2)).toEqual([`GET ${address}`])
})

it('an old success is not said as if it were one of now', async () => {
  server.script = broken
  {
    await using bot = await open()
    await bot.back('photos')
    await bot.waits()
  }
  const before = server.calls.length
  await using bot = await open({ ahead: 3 * 86_400_000 })
  await bot.allSaid()
  expect(asked().slice(before)).toEqual([])
})

it('asks no server that cannot prove who it is, and never logs the address', async () => {
  await using bot = await open({ trusted: false })
  await bot.back('photos')
  await bot.waits()
  expect(server.calls).toEqual([])
  expect(bot.logged()).toContain('untrusted')
  expect(bot.logged()).not.toContain('secret')
  expect(bot.logged()).not.toContain('127.0.0.1')
})

it.each(['not an address secret', 'ftp://127.0.0.1/secret'])(
  'logs no address that is none: %s',
  async (secret) => {
    await using bot = await open({ secret })
    await bot.back('photos')
    await bot.waits()
    expect(bot.logged()).toContain('config')
    expect(bot.logged()).not.toContain('secret')
  },
)
