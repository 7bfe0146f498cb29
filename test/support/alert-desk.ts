/** Where an Alertmanager delivers to in a test: a receiver, an inbox, and what is known by them. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Card, Clock, Json } from '@homelab/core'
import {
  type Alert,
  createAlertmanager,
  type Incident,
  isAgain,
  isOpen,
  opened,
  readAlerts,
  withAlert,
} from '@homelab/core/alerts'
import type { AlertSourceEntry } from '@homelab/core/inventory'
import { createHttp, systemClock } from '@homelab/core/node'
import type { FactStore } from '../../bot/src/chat/connector.ts'
import type { AskedAlertmanager } from '../../bot/src/incidents/alertmanagers.ts'
import {
  createReconciler,
  type Reconciler,
  type ReconcilerOptions,
} from '../../bot/src/incidents/reconcile.ts'
import { createSilences, type Silences } from '../../bot/src/incidents/silences.ts'
import type { Finding } from '../../bot/src/incidents/types.ts'
import { freePort } from './sshd.ts'

export const SOURCE = 'lab'

/** Facts as the store keeps them: through JSON. */
export function memoryFacts(): FactStore {
  const facts = new Map<string, string>()
  return {
    get: (name) => JSON.parse(facts.get(name) ?? 'null') ?? undefined,
    set: (name, value: Json) => Promise.resolve(void facts.set(name, JSON.stringify(value))),
  }
}

/** The system's clock, which a test can put forward. */
export function movableClock(): Clock & { forward(ms: number): void } {
  let ahead = 0
  return {
    now: () => new Date(Date.now() + ahead),
    monotonic: () => systemClock.monotonic() + ahead,
    sleep: systemClock.sleep,
    forward: (ms) => (ahead += ms),
  }
}

export interface AlertDesk extends AsyncDisposable {
  /** The address for `webhook_configs`. */
  readonly url: string
  /** Bodies that were taken. */
  readonly deliveries: readonly unknown[]
  /** Requests that came, also those that were refused. */
  readonly calls: number
  /** What the comparison told, in order; what was delivered is not in it. */
  readonly found: readonly Alert[]
  /** As they were told last. */
  known(): readonly Alert[]
  readonly findings: readonly Finding[]
  readonly cards: readonly Card[]
  readonly clock: ReturnType<typeof movableClock>
  readonly facts: FactStore
  /** Of the tests' making; silences are theirs. */
  readonly incidents: Map<string, Incident>
  readonly notes: readonly string[]
  /** Whether it takes what is delivered. */
  up: boolean
  reconciler(alertmanager: string, more?: Partial<ReconcilerOptions>): Reconciler
  silences(alertmanager: string): Silences
  firing(): readonly Alert[]
}

export async function startAlertDesk(entry: Partial<AlertSourceEntry> = {}): Promise<AlertDesk> {
  const port = await freePort()
  const http = createHttp()
  const [deliveries, found, findings, cards, notes]: [unknown[], Alert[], Finding[], Card[], string[]] = [
    [],
    [],
    [],
    [],
    [],
  ]
  /** One for each alert: nothing is grouped here. */
  const problems = new Map<string, Incident>()
  const known = () => [...problems.values()].flatMap(({ alerts }) => alerts)
  const incidents = new Map<string, Incident>()
  const clock = movableClock()
  const facts = memoryFacts()
  const state = { up: true, calls: 0 }
  const asked = (url: string): AskedAlertmanager => {
    const source = {
      name: SOURCE,
      kind: 'alertmanager' as const,
      secret: { from: 'env' as const, name: 'S' },
      ...entry,
      url,
    }
    const secrets = { resolve: () => Promise.reject(new Error('no secret is needed')) }
    return { source, api: createAlertmanager({ http, settings: () => source, secrets }) }
  }
  const reconcilers: Reconciler[] = []
  const all: Silences[] = []
  const work = (alerts: readonly Alert[]) => {
    for (const alert of alerts) {
      const now = clock.now()
      const before = problems.get(alert.fingerprint)
      const isSame = before !== undefined && (isOpen(before) || isAgain(before, now))
      if (!isSame && alert.status === 'resolved') continue
      const next = isSame ? withAlert(before, alert, now) : opened('k7f3', alert.fingerprint, alert, {}, now)
      problems.set(alert.fingerprint, next)
    }
  }
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      state.calls += 1
      if (state.up) {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
        deliveries.push(body)
        const alerts = readAlerts('alertmanager', SOURCE, body, clock.now())
        work(alerts.filter((alert) => reconcilers.every((one) => one.seen(alert) === undefined)))
      }
      response.writeHead(state.up ? 200 : 503).end()
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const firing = () => known().filter(({ status }) => status === 'firing')
  const log = {
    warn: () => {},
    error: (fields: object, text: string) => notes.push(`${text} ${JSON.stringify(fields)}`),
  }

  return {
    url: `http://127.0.0.1:${port}/alerts/${SOURCE}`,
    deliveries,
    found,
    known,
    findings,
    cards,
    clock,
    facts,
    incidents,
    notes,
    firing,
    get calls() {
      return state.calls
    },
    get up() {
      return state.up
    },
    set up(up) {
      state.up = up
    },
    silences(url) {
      const silences = createSilences({
        alertmanagers: { all: () => [asked(url)] },
        incidents: () => [...incidents.values()],
        facts,
        clock,
        log,
        note: (incident, text) => notes.push(`${incident}: ${text}`),
      })
      all.push(silences)
      return silences
    },
    reconciler(url, more = {}) {
      const { source } = asked(url)
      const reconciler = createReconciler({
        sources: () => [source],
        alertmanagers: { all: () => [asked(url)] },
        inbox: {
          add: (alerts) => {
            found.push(...alerts)
            work(alerts)
            return Promise.resolve()
          },
        },
        firing: () => firing(),
        during: () => [],
        report: (finding) => findings.push(finding),
        tell: (_, card) => cards.push(card),
        prometheus: { configured: false, instant: () => Promise.resolve([]) },
        facts,
        clock,
        log,
        ...more,
      })
      reconcilers.push(reconciler)
      return reconciler
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...reconcilers, ...all].map((one) => one.stop()))
      server.close()
      server.closeAllConnections()
      await http.close()
    },
  }
}
