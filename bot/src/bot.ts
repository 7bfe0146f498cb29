/** The composition root of the bot: everything is made and joined here, and nowhere else. */
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  type Caller,
  createRegistry,
  HomelabError,
  type Json,
  type Operation,
  type Role,
  runInline,
  Secret,
  type Touched,
} from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import { createHttp, systemClock, writerOf } from '@homelab/core/node'
import { operations, status } from '@homelab/core/operations'
import { approvalRule, createRights } from '@homelab/core/rights'
import { Hono } from 'hono'
import type { Logger } from 'pino'
import { createApi } from './api/api.ts'
import { type Served, serve } from './api/serve.ts'
import { createTokens } from './api/tokens.ts'
import { createDocuments, createTraefikDocument, traefikToken } from './api/traefik.ts'
import { createPainter } from './charts/painter.ts'
import { openBoard } from './chat/board.ts'
import { createDesk } from './chat/desk.ts'
import { createExpectations } from './chat/expectations.ts'
import { openHistory } from './chat/history.ts'
import { createNotices, type Notify, opsChannels } from './chat/notices.ts'
import type { Desk } from './chat/types.ts'
import { createConsole } from './console/console.ts'
import { Glance } from './console/types.ts'
import { createIncidents } from './incidents/start.ts'
import { createIntake } from './intake/intake.ts'
import { connectLab } from './lab/connect.ts'
import { servicesOf } from './lab/services.ts'
import { createSuggest } from './lab/suggest.ts'
import { createMetrics, createMetricsRoute } from './metrics/index.ts'
import { connectPlatforms, type Platforms, platformsIn } from './platforms.ts'
import { openGrants } from './rights/grants.ts'
import { createIdentity } from './rights/identity.ts'
import { likeness } from './rights/people.ts'
import { callerToday } from './rights/today.ts'
import { openRuns, type Runs } from './runs/index.ts'
import { createScheduler, jobsOf, type ScheduledJob } from './schedule/index.ts'
import type { Source } from './settings.ts'
import { type BotAddress, botFile, makeStateDir, tokenFile } from './state.ts'
import { openStore } from './store/index.ts'
import { version } from './version.ts'
import { createWatches, type Looks, type WatchesOptions } from './watch/index.ts'
import { watchVault } from './watch/vault.ts'

export interface BotOptions {
  readonly source: Source
  readonly log: Logger
  /** Over what the file says. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** What begins by the clock. Default: what the file schedules. */
  readonly jobs?: (inventory: Inventory) => readonly ScheduledJob[]
  /** When the backups are looked at. */
  readonly backupLooks?: Looks
  /** When it is looked at what is exposed. */
  readonly exposureLooks?: Looks
  /** When the services, the storages and the disks are. */
  readonly looks?: WatchesOptions['looks']
}

export interface Bot extends AsyncDisposable {
  readonly desk: Desk
  readonly runs: Runs
  readonly url: string
  readonly platforms: Platforms
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** @throws HomelabError `conflict` for a second bot on the state or a taken port, `config` for what is wrong with the file */
export async function startBot({
  source,
  log,
  host: hostFlag,
  port: portFlag,
  jobs = jobsOf,
  backupLooks = { firstMs: 60_000, everyMs: 900_000 },
  exposureLooks = { firstMs: 30_000, everyMs: 600_000 },
  looks,
}: BotOptions): Promise<Bot> {
  await using stack = new AsyncDisposableStack()
  const { stateDir, inventory, secrets } = source
  await makeStateDir(stateDir)
  const registry = createRegistry(operations)
  // The store is opened when the runs have their lock: until then nobody asks for a route.
  const documents = createDocuments(() => store.facts)
  const lab = stack.use(await connectLab(inventory, secrets, documents))
  const about = { version, mode: 'bot' as const, lab: source.label }

  // The runs first: their lock keeps a second bot from this folder. Those of before go on when all of this is made.
  const made = Promise.withResolvers<ReturnType<typeof servicesOf>>()
  const runs = stack.adopt(
    await openRuns({
      file: join(stateDir, 'runs.db'),
      clock: systemClock,
      log: { warn: (facts, text) => log.warn(facts, text), error: (facts, text) => log.error(facts, text) },
      execute: async ({ operation: id, input, caller }, verbs) => {
        const operation = registry.byId(id)
        if (operation === undefined) throw new HomelabError('bug', `This version knows no operation ${id}.`)
        const services = await made.promise
        return operation.output.parse(await operation.run(input, services(caller), verbs)) as Json
      },
    }),
    (open) => open.close(),
  )
  const store = stack.adopt(await openStore(join(stateDir, 'desk.db')), (open) => open.close())
  const grants = await openGrants(store.grants, systemClock)
  const rights = createRights({ inventory, grants: grants.active })
  const servicesFor = servicesOf({
    lab,
    registry,
    about,
    rights,
    file: source.file && writerOf(source.file),
    grants,
    audit: store.audit,
    runs,
    approvals: () => desk.approvals ?? noApprovals(),
    schedules: () => scheduler,
    incidents: () => alerts.incidents,
    maintenances: () => alerts.maintenances,
  })
  const onBug = (error: unknown, where?: string) => log.error({ err: error, where }, 'a bug')
  const board = await openBoard(store.cards, onBug)
  stack.defer(() => board.flush())
  const suggest = createSuggest(
    lab.lab,
    runs,
    () => desk.approvals,
    () => scheduler,
    () => alerts.incidents.book.all(),
    () => lab.k3s.seen,
    () => lab.blueprints.names(),
  )
  stack.defer(suggest.stop)

  const expectations = createExpectations(runs, onBug)
  stack.defer(expectations.stop)
  const notify: Notify = (...notice) => notices(...notice)
  const web = stack.adopt(createHttp(), (http) => http.close())
  const started = {
    registry,
    audit: store.audit,
    rights,
    services: servicesFor,
    approval: (operation: Operation, targets: readonly Touched[]) =>
      approvalRule(operation, targets, inventory()),
    mustConfirm: () => inventory().confirm,
    facts: store.facts,
    notify,
    clock: systemClock,
    log,
  }
  const alerts = await createIncidents({
    ...started,
    store: store.incidents,
    inbox: store.inbox,
    runs,
    lab: lab.lab,
    prometheus: lab.prometheus,
    inventory,
    schedules: () => scheduler,
    secrets,
    web,
    onBug,
  })
  stack.defer(alerts.stop)
  const metrics = createMetrics({ runs, operations: registry.all.map(({ id }) => id), version })
  stack.defer(metrics.stop)
  metrics.incidents(alerts.incidents)

  const desk: Desk = createDesk({
    registry,
    board,
    runner: runs,
    runOf: (card) => runs.byKey(card),
    services: servicesFor,
    rights,
    // On the simulated lab whoever is in the chat is its owner: nothing there is real.
    today: (caller) => (source.simulated === undefined ? callerToday(caller, inventory()) : caller),
    audit: store.audit,
    history: await openHistory(store.history),
    clock: systemClock,
    mustConfirm: () => inventory().confirm,
    approvals: {
      store: store.approvals,
      likeness: (a, b) => likeness(a, b, inventory()),
      rule: (operation, targets) => approvalRule(operation, targets, inventory()),
    },
    notify,
    timezone: () => inventory().timezone,
    expectedMs: expectations.expectedMs,
    suggest: suggest.suggest,
    onBug,
  })
  stack.defer(desk.stop)
  const notices = createNotices(desk, inventory, platformsIn(inventory()))
  const platformsHere = platformsIn(inventory())
  // Where nobody is told, nothing is looked for: the console's own panel says what is wrong while somebody looks at it.
  const wanted = () => platformsHere.some((platform) => opsChannels(inventory(), platform).length > 0)
  const watches = createWatches({
    lab,
    runs,
    registry,
    services: () => servicesFor(terminal),
    facts: store.facts,
    audit: store.audit,
    clock: systemClock,
    inventory,
    secrets,
    web,
    notify,
    tell: alerts.tell,
    onBackups: metrics.backups,
    log,
    somewhere: platformsHere.length > 0,
    wanted,
    backupLooks,
    exposureLooks,
    looks,
  })
  stack.defer(watches.stop)
  const scheduler = createScheduler({
    jobs: () => [...jobs(inventory()), ...watches.expiries()],
    ...started,
    tell: alerts.tell,
    runs,
  })
  stack.defer(scheduler.stop)
  made.resolve(servicesFor)
  await desk.resume()
  alerts.start()
  scheduler.start()
  watches.start()
  stack.defer(watchVault({ secrets, notify, clock: systemClock, log }))

  const { console: settings } = inventory()
  const host = hostFlag ?? settings.host
  const token = await apiToken(stateDir)
  // Behind a proxy or a tunnel everybody comes from the loopback: there only the token tells who is the owner.
  const open = isLoopback(host) && settings.hosts.length === 0 && settings.token === undefined
  const login = open
    ? { kind: 'loopback' as const }
    : {
        kind: 'token' as const,
        token: settings.token === undefined ? noToken(host) : await secrets.resolve(settings.token),
      }

  // What `status` says, so that there is one way of finding it out.
  const glance = async (signal: AbortSignal) => {
    const output = await runInline(status, { health: true }, servicesFor(terminal), {
      clock: systemClock,
      signal,
    })
    return Glance.parse(output)
  }
  const painter = stack.use(
    createPainter({ onProblem: (problem) => log.warn({ problem }, 'a picture could not be drawn') }),
  )
  const identity = createIdentity({ inventory })
  const platforms = stack.use(
    await connectPlatforms(
      {
        desk,
        registry,
        callerOf: (asker) => {
          const caller = identity.callerOf(asker)
          return source.simulated === undefined ? caller : { ...caller, role: 'admin' }
        },
        inventory,
        runs: {
          log: (name, limit) =>
            name.startsWith('incident/') ? alerts.incidents.lines.log(name, limit) : runs.log(name, limit),
        },
        glance,
        messages: store.messages,
        draw: painter.draw,
        meter: metrics,
        facts: store.facts,
        clock: systemClock,
        log,
        onBug,
      },
      secrets,
    ),
  )

  const routes = createTraefikDocument({ documents, token: await traefikToken(stateDir) })
  const { listen } = inventory().network.traefik
  if (listen !== undefined)
    stack.use(await serve(routes, { ...listen, setting: 'network.traefik.listen in homelab.yaml' }))

  const intake = createIntake({ inventory, secrets, inbox: store.inbox, log })
  const { listen: alertsListen } = inventory().alerts
  if (alertsListen !== undefined)
    stack.use(await serve(intake.app, { ...alertsListen, setting: 'alerts.listen in homelab.yaml' }))

  metrics.platforms(platforms.statuses)
  metrics.intake(intake.counts)
  const { listen: metricsListen, token: metricsToken } = inventory().monitoring.metrics ?? {}
  const measurements = createMetricsRoute({
    metrics,
    loopback: metricsListen === undefined ? open : isLoopback(metricsListen.host),
    ...(metricsToken === undefined ? {} : { token: await secrets.resolve(metricsToken) }),
  })
  if (metricsListen !== undefined)
    stack.use(
      await serve(measurements, { ...metricsListen, setting: 'monitoring.metrics.listen in homelab.yaml' }),
    )

  const app = new Hono()
  app.route('/', routes)
  app.route('/', intake.app)
  if (metricsListen === undefined) app.route('/', measurements)
  const role: Role = source.simulated === undefined ? settings.role : 'admin'
  app.route(
    '/',
    createApi({
      desk,
      token,
      about,
      onBug,
      draw: painter.draw,
      platforms: platforms.statuses,
      caller: () => terminal,
      programs: createTokens({
        inventory,
        secrets,
        warn: (facts) => log.warn(facts, 'an API token cannot be used'),
      }),
    }),
  )
  app.route(
    '/',
    createConsole({
      desk,
      runs,
      about,
      login,
      onBug,
      hosts: settings.hosts,
      sessionKey: await sessionKey(stateDir),
      caller: { id: 'console:local', name: 'you', role, surface: 'chat' },
      commands: (caller) =>
        registry.all.filter(({ id }) => servicesFor(caller).commands?.offered(id, caller)),
      glance,
    }),
  )
  const served: Served = stack.use(
    await serve(app, {
      host,
      port: portFlag ?? settings.port,
      setting: 'console.port in homelab.yaml, or --port',
    }),
  )
  await announce(stateDir, { url: served.url, pid: process.pid })
  stack.defer(() => rm(botFile(stateDir), { force: true }))

  // Completion works from the first key on; a lab that does not answer now is told when somebody asks.
  lab.lab.overview().catch((error: unknown) => log.warn({ err: error }, 'the lab does not answer'))
  const owned = stack.move()
  return { desk, runs, platforms, url: served.url, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function noApprovals(): never {
  throw new HomelabError('bug', 'The desk keeps no approvals.')
}

/** Whoever can read the token in the state folder owns the bot. */
const terminal: Caller = { id: 'cli:local', name: 'terminal', role: 'admin', surface: 'cli' }

function noToken(host: string): Secret {
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
