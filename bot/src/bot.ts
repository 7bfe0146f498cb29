/** The composition root of the bot: everything is made and joined here, and nowhere else. */
import { join } from 'node:path'
import {
  createRegistry,
  HomelabError,
  type Json,
  type Operation,
  runInline,
  type Touched,
} from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import { createHttp, systemClock, writerOf } from '@homelab/core/node'
import { operations, status } from '@homelab/core/operations'
import { approvalRule, createRights } from '@homelab/core/rights'
import type { Logger } from 'pino'
import { createDocuments } from './api/traefik.ts'
import { createPainter } from './charts/painter.ts'
import { openBoard } from './chat/board.ts'
import { createDesk } from './chat/desk.ts'
import { createExpectations } from './chat/expectations.ts'
import { openHistory } from './chat/history.ts'
import { createNotices, type Notify, opsChannels } from './chat/notices.ts'
import type { Desk } from './chat/types.ts'
import { Glance } from './console/types.ts'
import { createIncidents } from './incidents/start.ts'
import { createIntake } from './intake/intake.ts'
import { connectLab } from './lab/connect.ts'
import { servicesOf } from './lab/services.ts'
import { createSuggest } from './lab/suggest.ts'
import { createMetrics } from './metrics/index.ts'
import { connectPlatforms, type Platforms, platformsIn } from './platforms.ts'
import { openGrants } from './rights/grants.ts'
import { createIdentity } from './rights/identity.ts'
import { likeness } from './rights/people.ts'
import { callerToday } from './rights/today.ts'
import { openRuns, type Runs } from './runs/index.ts'
import { createScheduler, jobsOf, type ScheduledJob } from './schedule/index.ts'
import type { Source } from './settings.ts'
import { makeStateDir } from './state.ts'
import { openStore } from './store/index.ts'
import { version } from './version.ts'
import { createWatches, type Looks, type WatchesOptions } from './watch/index.ts'
import { watchVault } from './watch/vault.ts'
import { openDoor, serveBot, terminal } from './web.ts'

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

  const door = await openDoor(inventory(), hostFlag, secrets)

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

  const intake = createIntake({ inventory, secrets, inbox: store.inbox, log })
  metrics.platforms(platforms.statuses)
  metrics.intake(intake.counts)
  const served = stack.use(
    await serveBot({
      ...{ stateDir, inventory, secrets, door, desk, runs, registry, about, glance, log, onBug, metrics },
      port: portFlag,
      simulated: source.simulated !== undefined,
      services: servicesFor,
      documents,
      intake: intake.app,
      draw: painter.draw,
      platforms: platforms.statuses,
    }),
  )

  // Completion works from the first key on; a lab that does not answer now is told when somebody asks.
  lab.lab.overview().catch((error: unknown) => log.warn({ err: error }, 'the lab does not answer'))
  const owned = stack.move()
  return { desk, runs, platforms, url: served.url, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function noApprovals(): never {
  throw new HomelabError('bug', 'The desk keeps no approvals.')
}
