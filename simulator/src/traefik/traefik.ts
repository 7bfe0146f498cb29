/** The Traefik of the lab, in its container: it routes while that runs, by the files of a folder and by a document that it polls. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import { apiOf } from './api.ts'
import type { Dynamic } from './dynamic.ts'
import { fileProvider } from './file-provider.ts'
import { type Polled, pollHttp } from './http-provider.ts'
import { type Runtime, runtimeOf } from './runtime.ts'
import { seed } from './seed.ts'
import { type Network, serveWeb } from './web.ts'

/** In the container. */
export const directory = '/etc/traefik/conf.d'
const THROTTLE_MS = 2_000

export interface Traefik {
  /** Addresses of its API and of the entry point `web`, whether they listen at the moment or not. */
  readonly api: string
  readonly web: string
  readonly directory: string
  /** Container, and which folder of it is where. */
  readonly files: { readonly vmid: number; readonly path: string; readonly root: string }
  /** Puts a file into its directory, as a person would, or takes it away. @throws Error for a name with a folder that leads out */
  put(name: string, text: string | null): void
  /** What its HTTP provider polls from now on; undefined: nothing. */
  poll(polled: Polled | undefined): void
  view(): object
  /** To be called when its faults changed. */
  refresh(): Promise<void>
  /** The files of the start. */
  reset(): void
  close(): Promise<void>
}

interface Listener {
  readonly server: Server
  port: number
}

async function listen(listener: Listener): Promise<void> {
  if (listener.server.listening) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  listener.server.once('error', reject)
  listener.server.listen(listener.port, '127.0.0.1', resolve)
  await promise
  listener.server.off('error', reject)
  listener.port = (listener.server.address() as AddressInfo).port
}

async function shut({ server }: Listener): Promise<void> {
  if (!server.listening) return
  await new Promise<void>((done) => {
    server.close(() => done())
    server.closeAllConnections()
  })
}

/** undefined in a lab that has none. */
export async function startTraefik(sim: Sim, services: Services): Promise<Traefik | undefined> {
  const own = sim.lab.services.find(({ name }) => name === 'traefik')
  if (own === undefined) return undefined
  const { clock, faults, journal, lab } = sim
  const root = realpathSync(mkdtempSync(join(tmpdir(), `homelab-traefik-${process.pid}-`)))
  const folder = join(root, directory)
  mkdirSync(folder, { recursive: true })
  const addressOf = (name: string): string => {
    const at = services.addresses[name]
    return `http://${at?.host ?? '127.0.0.1'}:${at?.port ?? 9}`
  }
  seed(folder, addressOf)

  let running = false
  let closed = false
  /** What is loaded, by provider; empty while it is not running. */
  const loaded = new Map<string, Dynamic>()
  let runtime: Runtime = runtimeOf(loaded)
  const log = (line: object): void => {
    const text = JSON.stringify({ ...line, time: new Date(clock.now()).toISOString() })
    sim.logged.push({ vmid: own.vmid, at: clock.now(), text })
    const { level = '', providerName = '', error = '', message = '' } = line as Record<string, string>
    journal.add({
      kind: 'traefik',
      what: level === 'error' ? 'refused' : 'said',
      provider: providerName,
      text: error || message,
    })
  }

  const take = (provider: string, dynamic: Dynamic): void => {
    if (JSON.stringify(loaded.get(provider)) === JSON.stringify(dynamic)) return
    loaded.set(provider, dynamic)
    runtime = runtimeOf(loaded)
    journal.add({ kind: 'traefik', what: 'loaded', provider, text: Object.keys(dynamic.routers).join(' ') })
  }
  /** The newest of each provider that waits for the throttle. */
  const waiting = new Map<string, Dynamic>()
  let free = 0
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    timer = undefined
    free = Date.now() + clock.scaled(THROTTLE_MS)
    for (const [provider, dynamic] of waiting) take(provider, dynamic)
    waiting.clear()
  }
  const send = (provider: string, dynamic: Dynamic): void => {
    waiting.set(provider, dynamic)
    timer ??= setTimeout(flush, Math.max(0, free - Date.now()) + faults.traefikReloadMs)
  }

  const files = fileProvider({
    folder,
    directory,
    log,
    changed: () => {
      if (!running || faults.traefikDeaf) return
      const read = files.read(false)
      if (read !== undefined) send('file', read)
    },
  })
  let polled: Polled | undefined
  let polling: AbortController | undefined
  const startPolling = (): void => {
    polling?.abort()
    polling = undefined
    if (polled === undefined || !running) return
    polling = new AbortController()
    void pollHttp(
      polled,
      { scaled: (ms) => clock.scaled(ms), log, received: (dynamic) => send('http', dynamic) },
      polling.signal,
    )
  }

  const byAddress = new Map<string, { readonly host: string; readonly port: number }>()
  for (const { name, vmid, port } of lab.services) {
    const at = services.addresses[name]
    const ip = lab.guests.get(vmid)?.ip
    if (at !== undefined && ip !== undefined) byAddress.set(`${ip}:${port}`, at)
  }
  const network: Network = (host, port) => byAddress.get(`${host}:${port}`) ?? { host, port }
  const app = apiOf(
    () => runtime,
    ['File', 'HTTP'],
    (path) => journal.add({ kind: 'traefik', what: 'asked', provider: '', text: path }),
  )
  const api: Listener = { server: createAdaptorServer({ fetch: app.fetch }) as Server, port: 0 }
  const web: Listener = { server: createServer(serveWeb(() => runtime, network)), port: 0 }
  await Promise.all([listen(api), listen(web)])

  let starting: AbortController | undefined
  const begin = (): void => {
    running = true
    const first = files.read(true)
    if (first !== undefined) take('file', first)
    free = Date.now() + clock.scaled(THROTTLE_MS)
    files.watch()
    startPolling()
  }
  const end = (): void => {
    running = false
    files.stop()
    startPolling()
    clearTimeout(timer)
    timer = undefined
    waiting.clear()
    loaded.clear()
    runtime = runtimeOf(loaded)
  }
  begin()

  async function refresh(): Promise<void> {
    if (closed) return
    const guest = lab.guests.get(own?.vmid ?? 0)
    const wanted = guest?.state === 'running' && lab.online(guest.node)
    if (!wanted) {
      starting?.abort()
      starting = undefined
      if (running) end()
      await Promise.all([shut(api), shut(web)])
      return
    }
    if (!running && starting === undefined) {
      starting = new AbortController()
      const { signal } = starting
      await sleep(clock.scaled(own?.startMs ?? 0), undefined, { ref: false, signal }).catch(() => undefined)
      if (signal.aborted) return
      starting = undefined
      begin()
    }
    if (!running) return
    await Promise.all([listen(web), faults.traefikApiDown ? shut(api) : listen(api)])
  }
  let last: Promise<void> = Promise.resolve()
  lab.onChange((guest) => {
    if (guest.vmid !== own.vmid) return
    starting?.abort()
    starting = undefined
    last = last.then(refresh).catch((error: unknown) => {
      process.stderr.write(`simulator: traefik cannot listen: ${String(error)}\n`)
    })
  })

  return {
    api: `http://127.0.0.1:${api.port}`,
    web: `http://127.0.0.1:${web.port}`,
    directory,
    files: { vmid: own.vmid, path: '/etc/traefik', root },
    put(name, text) {
      if (!/^[\w.-]+(\/[\w.-]+)?$/.test(name) || name.includes('..'))
        throw new Error(`${name} is no name of a file in ${directory}`)
      const path = join(folder, name)
      if (text === null) rmSync(path, { force: true })
      else {
        mkdirSync(join(path, '..'), { recursive: true })
        writeFileSync(path, text)
      }
    },
    poll(wanted) {
      polled = wanted
      startPolling()
    },
    view: () => ({
      running,
      routers: runtime.routers.map(({ name, rule, status, errors }) => ({ name, rule, status, errors })),
      polls: polled?.endpoint ?? null,
      log: sim.logged.filter(({ vmid }) => vmid === own.vmid).map(({ text }) => text),
    }),
    refresh,
    reset() {
      polled = undefined
      startPolling()
      seed(folder, addressOf)
      sim.logged.length = 0
      clearTimeout(timer)
      timer = undefined
      waiting.clear()
      loaded.delete('http')
      free = 0
      const first = files.read(true)
      if (running && first !== undefined) take('file', first)
    },
    async close() {
      closed = true
      starting?.abort()
      end()
      await Promise.all([shut(api), shut(web)])
      rmSync(root, { recursive: true, force: true })
    },
  }
}
