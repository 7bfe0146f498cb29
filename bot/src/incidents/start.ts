/** Everything about incidents, joined: what is told, who is told, and what is done about it. */
import {
  type Clock,
  errorData,
  HomelabError,
  type Http,
  type Lab,
  type Maintenances,
  type Overview,
  type Schedules,
} from '@homelab/core'
import { aboutOf, isOpen, noted, type Places } from '@homelab/core/alerts'
import type { Inventory } from '@homelab/core/inventory'
import type { Prometheus } from '@homelab/core/monitoring'
import type { Secrets } from '@homelab/core/node'
import type { FactStore } from '../chat/connector.ts'
import type { Notify } from '../chat/notices.ts'
import type { Inbox } from '../intake/types.ts'
import type { Runs } from '../runs/index.ts'
import { createBeginner, type SchedulerOptions } from '../schedule/index.ts'
import type { WatchLog } from '../watch/types.ts'
import { type Alertmanagers, connectAlertmanagers } from './alertmanagers.ts'
import type { IncidentStore } from './book.ts'
import { type OpenIncidents, openIncidents } from './desk.ts'
import { createMaintenances } from './maintenance.ts'
import { occupiedGuests } from './occupied.ts'
import { startOwnPing } from './ping.ts'
import { createReceipts } from './receipts.ts'
import { createReconciler } from './reconcile.ts'
import { createRemedies } from './remedies.ts'
import { createSilences } from './silences.ts'
import type { Tell } from './tell.ts'

export interface IncidentsOptions
  extends Pick<SchedulerOptions, 'registry' | 'audit' | 'rights' | 'services' | 'approval' | 'mustConfirm'> {
  readonly store: IncidentStore
  readonly inbox: Inbox
  readonly facts: FactStore
  readonly runs: Pick<Runs, 'start' | 'watch' | 'byKey' | 'get' | 'onAny' | 'active'>
  readonly lab: Pick<Lab, 'overview' | 'resolve'>
  readonly prometheus: Prometheus
  readonly inventory: () => Inventory
  readonly schedules: () => Pick<Schedules, 'list' | 'pause' | 'resume'>
  readonly secrets: Secrets
  /** One that verifies certificates. */
  readonly web: Http
  readonly notify: Notify
  readonly clock: Clock
  readonly log: WatchLog
  readonly onBug: (error: unknown, where?: string) => void
}

export interface IncidentsOfBot {
  readonly incidents: OpenIncidents
  readonly maintenances: Maintenances
  readonly tell: Tell
  start(): void
  stop(): Promise<void>
}

/** Names of guests change seldom; an alert about one that is newer than this says its VMID. */
const PLACES_MS = 60_000
/** Between two looks at what may be done without asking. */
const REMEDIES_MS = 5_000

export async function createIncidents(options: IncidentsOptions): Promise<IncidentsOfBot> {
  const { lab, inventory, clock, secrets, facts, log, notify, registry, runs, web } = options
  const end = new AbortController()
  let overview: Overview | undefined
  const places = (): Places => ({ inventory: inventory(), overview })
  const incidents = await openIncidents({ ...options, places, seen: (alert) => reconciler.seen(alert) })
  const { book, change } = incidents
  const maintenances = createMaintenances({ ...options, incidents })
  const alertmanagers: Alertmanagers = connectAlertmanagers(inventory, secrets)
  const open = () => book.all().filter(isOpen)
  const silences = createSilences({
    alertmanagers,
    incidents: open,
    facts,
    clock,
    log,
    note: (id, text) => void note(id, text),
  })
  const reconciler = createReconciler({
    sources: () => inventory().alerts.sources,
    alertmanagers,
    inbox: options.inbox,
    firing: incidents.firing,
    more: (source) => {
      const prefix = `${source}/`
      return open().flatMap(({ over }) =>
        [...over].flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : [])),
      )
    },
    during: incidents.during,
    report: incidents.report,
    tell: (id, card) => notify(id, card, 'done'),
    prometheus: options.prometheus,
    timezone: () => inventory().timezone,
    about: ({ url }) => aboutOf({ labels: { instance: url } }, places()),
    silences,
    facts,
    clock,
    log,
  })
  const beginner = createBeginner(options, end.signal)
  const remedies = createRemedies({
    ...options,
    incidents,
    begin,
    occupied: () => occupiedGuests(options),
  })
  const receipt = createReceipts({ incidents, registry })

  async function note(id: string, text: string): Promise<void> {
    await change((draft, now) => {
      const incident = draft.get(id)
      if (incident !== undefined) draft.put(noted(incident, text, now))
    }).catch((error: unknown) =>
      log.warn({ err: error, incident: id }, 'the history of an incident is not kept'),
    )
  }

  async function begin({
    run,
    service,
    key,
    why,
  }: Parameters<Parameters<typeof createRemedies>[0]['begin']>[0]) {
    const operation = registry.byId(`service.${run}`)
    if (operation === undefined) throw new HomelabError('bug', `There is no service.${run}.`)
    const id = key.replace(/^remedy-/, '')
    const { run: begun } = await beginner.begin({
      job: {
        id: `remedy/${id}`,
        title: `${run} ${service}: ${why}`,
        command: { operation: operation.id, input: { services: [service] } },
      },
      operation,
      caller: { id: `remedy:${id}`, name: 'homelab', role: 'admin', surface: 'api' },
      key,
      command: `${run} ${service}`,
      attended: false,
    })
    return begun
  }

  const forget = runs.onAny((run) => {
    if (run.finishedAt === undefined) return
    for (const work of [receipt(run), remedies.ended(run)])
      work.catch((error: unknown) =>
        log.warn({ error: errorData(error).message, run: run.id }, 'a receipt is not kept'),
      )
  })
  const unheard = incidents.onChange(silences.changed)

  async function every(ms: number, work: () => Promise<void>): Promise<void> {
    while (!end.signal.aborted) {
      await work()
      await clock.sleep(ms, end.signal).catch(() => undefined)
    }
  }
  let ping: ReturnType<typeof startOwnPing> | undefined

  return {
    incidents,
    maintenances,
    tell: (_id, _card, _state, finding) => incidents.report(finding),
    start() {
      void every(PLACES_MS, async () => {
        // A lab that is away is told as such; what its guests were called is known still.
        overview = await lab.overview({ signal: end.signal }).catch(() => overview)
      })
      incidents.start()
      reconciler.start()
      void remedies
        .resume(runs.byKey)
        .catch((error: unknown) => log.warn({ err: error }, 'how a remedy ended is not told'))
      void every(REMEDIES_MS, remedies.look)
      ping = startOwnPing({
        settings: () => inventory().alerts.ping,
        secrets,
        http: web,
        aliveAt: incidents.aliveAt,
        facts,
        report: incidents.report,
        clock,
        log,
      })
    },
    async stop() {
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      forget()
      unheard()
      await ping?.stop()
      await reconciler.stop()
      await silences.stop()
      await incidents.stop()
      await alertmanagers[Symbol.asyncDispose]()
    },
  }
}
