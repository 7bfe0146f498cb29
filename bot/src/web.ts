/** What the bot answers over HTTP: the console, the API, the routes for Traefik, the alerts that come in, the metrics. */
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { type Caller, HomelabError, type Registry, type Role, Secret } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { Secrets } from '@homelab/core/node'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import { type ApiOptions, createApi } from './api/api.ts'
import { type Served, serve } from './api/serve.ts'
import { createTokens } from './api/tokens.ts'
import { createTraefikDocument, type TraefikDocumentOptions, traefikToken } from './api/traefik.ts'
import type { Desk } from './chat/types.ts'
import { createConsole } from './console/console.ts'
import type { ConsoleOptions } from './console/types.ts'
import type { Intake } from './intake/intake.ts'
import type { servicesOf } from './lab/services.ts'
import { createMetricsRoute } from './metrics/index.ts'
import type { Metrics } from './metrics/types.ts'
import type { Runs } from './runs/index.ts'
import { type BotAddress, botFile, tokenFile } from './state.ts'

/** Whoever can read the token in the state folder owns the bot. */
export const terminal: Caller = { id: 'cli:local', name: 'terminal', role: 'admin', surface: 'cli' }

/** Where the console is, and how one comes in. */
export interface Door {
  readonly host: string
  /** From this machine alone, and so without a token. */
  readonly open: boolean
  readonly login: ConsoleOptions['login']
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/**
 * @param over over what the file says
 * @throws HomelabError `config` where others can reach the console and there is no token for it
 */
export async function openDoor(
  { console: settings }: Inventory,
  over: string | undefined,
  secrets: Secrets,
): Promise<Door> {
  const host = over ?? settings.host
  // Behind a proxy or a tunnel everybody comes from the loopback: there only the token tells who is the owner.
  const open = isLoopback(host) && settings.hosts.length === 0 && settings.token === undefined
  if (open) return { host, open, login: { kind: 'loopback' } }
  const token = settings.token === undefined ? noToken(host) : await secrets.resolve(settings.token)
  return { host, open, login: { kind: 'token', token } }
}

export interface ServeBotOptions
  extends Pick<ConsoleOptions, 'about' | 'glance'>,
    Required<Pick<ApiOptions, 'draw' | 'platforms' | 'onBug'>> {
  readonly stateDir: string
  readonly inventory: () => Inventory
  readonly secrets: Secrets
  readonly door: Door
  /** Over what the file says. */
  readonly port: number | undefined
  /** On the simulated lab whoever is there is its owner. */
  readonly simulated: boolean
  readonly desk: Desk
  readonly runs: Runs
  readonly registry: Registry
  readonly services: ReturnType<typeof servicesOf>
  readonly documents: TraefikDocumentOptions['documents']
  readonly intake: Intake['app']
  readonly metrics: Metrics
  readonly log: Logger
}

/** @throws HomelabError `conflict` for a taken port */
export async function serveBot(options: ServeBotOptions): Promise<Served> {
  const { stateDir, inventory, secrets, door, registry, services, documents, intake, metrics, log } = options
  const { desk, runs, about, glance, onBug, draw, platforms } = options
  const { console: settings, network, alerts, monitoring } = inventory()
  await using stack = new AsyncDisposableStack()
  const token = await apiToken(stateDir)

  const routes = createTraefikDocument({ documents, token: await traefikToken(stateDir) })
  const { listen } = network.traefik
  if (listen !== undefined)
    stack.use(await serve(routes, { ...listen, setting: 'network.traefik.listen in homelab.yaml' }))
  if (alerts.listen !== undefined)
    stack.use(await serve(intake, { ...alerts.listen, setting: 'alerts.listen in homelab.yaml' }))
  const { listen: metricsListen, token: metricsToken } = monitoring.metrics ?? {}
  const measurements = createMetricsRoute({
    metrics,
    loopback: metricsListen === undefined ? door.open : isLoopback(metricsListen.host),
    ...(metricsToken === undefined ? {} : { token: await secrets.resolve(metricsToken) }),
  })
  if (metricsListen !== undefined)
    stack.use(
      await serve(measurements, { ...metricsListen, setting: 'monitoring.metrics.listen in homelab.yaml' }),
    )

  const app = new Hono()
  app.route('/', routes)
  app.route('/', intake)
  if (metricsListen === undefined) app.route('/', measurements)
  const warn = (facts: object) => log.warn(facts, 'an API token cannot be used')
  const programs = createTokens({ inventory, secrets, warn })
  app.route('/', createApi({ desk, token, about, onBug, draw, platforms, caller: () => terminal, programs }))
  const role: Role = options.simulated ? 'admin' : settings.role
  app.route(
    '/',
    createConsole({
      ...{ desk, runs, about, onBug, glance },
      login: door.login,
      hosts: settings.hosts,
      sessionKey: await sessionKey(stateDir),
      caller: { id: 'console:local', name: 'you', role, surface: 'chat' },
      commands: (caller) => registry.all.filter(({ id }) => services(caller).commands?.offered(id, caller)),
    }),
  )
  const served = stack.use(
    await serve(app, {
      host: door.host,
      port: options.port ?? settings.port,
      setting: 'console.port in homelab.yaml, or --port',
    }),
  )
  await announce(stateDir, { url: served.url, pid: process.pid })
  stack.defer(() => rm(botFile(stateDir), { force: true }))
  const owned = stack.move()
  return { ...served, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function noToken(host: string): never {
  throw new HomelabError(
    'config',
    `The console can be reached by others (console.host ${host}, console.hosts), but there is no console.token.`,
    {
      hint: 'Set console.token to env:NAME or file:/path, or console.host to 127.0.0.1.',
    },
  )
}

/** For programs of the same machine, which read it where it is. Kept, so that a terminal outlives a restart of the bot. */
async function apiToken(stateDir: string): Promise<Secret> {
  const kept = await readFile(tokenFile(stateDir), 'utf8').catch(() => '')
  if (kept.length >= 32) return new Secret(kept)
  const token = randomBytes(32).toString('base64url')
  await writeFile(tokenFile(stateDir), token, { mode: 0o600 })
  return new Secret(token)
}

/** Kept, so that nobody has to log in again after a restart. */
async function sessionKey(stateDir: string): Promise<Uint8Array> {
  const file = join(stateDir, 'session-key')
  const kept = await readFile(file).catch(() => new Uint8Array())
  if (kept.length === 32) return kept
  const key = randomBytes(32)
  await writeFile(file, key, { mode: 0o600 })
  return key
}

const announce = (stateDir: string, address: BotAddress): Promise<void> =>
  writeFile(botFile(stateDir), `${JSON.stringify(address)}\n`, { mode: 0o600 })
