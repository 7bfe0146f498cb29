/** Nothing is eaten: what the Alertmanagers hold and what is known here are compared, every minute and at the start. */
import { type Card, type Clock, errorData, HomelabError, type Json } from '@homelab/core'
import {
  type About,
  type Alert,
  type AlertmanagerStatus,
  type HeldAlert,
  type HeldSilence,
  type Incident,
  receiversFor,
} from '@homelab/core/alerts'
import type { AlertSourceEntry } from '@homelab/core/inventory'
import type { Prometheus } from '@homelab/core/monitoring'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Inbox } from '../intake/types.ts'
import type { WatchLog } from '../watch/types.ts'
import type { Alertmanagers, AskedAlertmanager, AskedSource } from './alertmanagers.ts'
import { createAnswers } from './answers.ts'
import { type Comparison, createComparison } from './compare.ts'
import { awayCard, lookBack } from './look-back.ts'
import type { Finding } from './types.ts'
import { createWatchdogs, type WatchdogThere } from './watchdog.ts'

export interface ReconcilerOptions {
  /** Those of the file, as it is now. */
  readonly sources: () => readonly AlertSourceEntry[]
  readonly alertmanagers: Pick<Alertmanagers, 'all'>
  readonly inbox: Pick<Inbox, 'add'>
  /** Alerts of this source that fire, as they were told last. */
  readonly firing: (source: string) => readonly Alert[]
  /** Fingerprints of those beyond, of which only that is known. */
  readonly more?: (source: string) => readonly string[]
  /** Incidents that were open in this span (milliseconds since the epoch). */
  readonly during: (span: {
    readonly from: number
    readonly to: number
  }) => readonly Pick<Incident, 'alerts'>[]
  readonly report: (finding: Finding) => void
  /** What an Alertmanager is in the lab; default: nothing that is known there. */
  readonly about?: (source: AskedSource) => About
  /** Shows a card that nobody asked for. */
  readonly tell: (id: string, card: Card) => void
  readonly prometheus: Pick<Prometheus, 'configured' | 'instant'>
  /** Shown what is there at each look, and asked which silences are ours. */
  readonly silences?: {
    isOurs(silence: HeldSilence): boolean
    looked(source: string, held: Held): Promise<void>
  }
  readonly facts: FactStore
  /** In which times are told. Default: UTC. */
  readonly timezone?: () => string | undefined
  readonly clock: Clock
  readonly log: WatchLog
  /** Milliseconds between two looks. Default 60 000. */
  readonly everyMs?: number
  /** Milliseconds for which a known alert must be missing in Alertmanager before it is over. Default 300 000. */
  readonly goneMs?: number
  /** Milliseconds without an answer before that is told. Default 300 000. */
  readonly silentMs?: number
}

export interface Held {
  readonly alerts: readonly HeldAlert[]
  readonly silences: readonly HeldSilence[]
}

export interface Reconciler {
  /** To be called with each alert that is delivered, before all else. @returns `watchdog`: it is no incident */
  seen(alert: Alert): 'watchdog' | undefined
  /** One look now. Never rejects. */
  look(): Promise<void>
  /** Begins to look. */
  start(): void
  stop(): Promise<void>
}

const Looks = z.object({
  /** When it was looked last, ISO 8601. */
  at: z.string(),
  /** For which time Prometheus is still to be asked. */
  away: z.object({ from: z.number(), to: z.number() }).exactOptional(),
  /** By source, as `Unheard` and `TakenForOver`. */
  unheard: z.record(z.string(), z.number()),
  overs: z.record(z.string(), z.record(z.string(), z.object({ startsAt: z.string(), at: z.string() }))),
})
type Looks = z.infer<typeof Looks>

const NAME = 'alerts.looks'
/** Alerts that the inbox is told at once. */
const BATCH = 500

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { alertmanagers, inbox, report, silences, facts, clock, log } = options
  const { everyMs = 60_000, goneMs = 300_000, silentMs = 300_000 } = options
  const end = new AbortController()
  const parsed = Looks.safeParse(facts.get(NAME)).data
  const before: Looks = parsed ?? { at: clock.now().toISOString(), unheard: {}, overs: {} }
  const watchdogs = createWatchdogs(options.sources, report, before.unheard)
  const comparisons = new Map<string, Comparison>()
  const comparisonOf = (source: string): Comparison => {
    const comparison = comparisons.get(source) ?? createComparison(source, goneMs, before.overs[source])
    comparisons.set(source, comparison)
    return comparison
  }
  /** Undefined once Prometheus has told. */
  let away =
    before.away ??
    (parsed === undefined ? undefined : { from: Date.parse(before.at), to: clock.now().getTime() })
  const answers = createAnswers({ ...options, silentMs })

  async function lookAt({ source, api }: AskedAlertmanager): Promise<WatchdogThere> {
    const { name } = source
    try {
      const [alerts, held, status] = await Promise.all([
        api.alerts(end.signal),
        api.silences(end.signal),
        api.status(end.signal),
      ])
      answers.came(source)
      await compare(name, { alerts, silences: held }, status)
      await silences?.looked(name, { alerts, silences: held })
      const own = alerts.filter(({ labels }) => labels.alertname === source.watchdog?.alert)
      if (own.length === 0) return 'absent'
      return own.some(({ status: { state } }) => state !== 'suppressed') ? 'there' : 'suppressed'
    } catch (error) {
      if (end.signal.aborted) return 'unknown'
      const data = errorData(error)
      if (data.code === 'bug') log.error({ err: error, source: name }, 'an Alertmanager cannot be compared')
      else answers.missing(source, data)
      return 'no answer'
    }
  }

  async function compare(
    source: string,
    { alerts, silences: held }: Held,
    status: AlertmanagerStatus,
  ): Promise<void> {
    const comparison = comparisonOf(source)
    const receivers = receiversFor(status.config.original, source)
    const ours = new Set(held.filter((each) => silences?.isOurs(each)).map(({ id }) => id))
    const heldBack = ({ silencedBy, inhibitedBy, mutedBy }: HeldAlert['status']) =>
      inhibitedBy.length > 0 || mutedBy.length > 0 || silencedBy.some((id) => !ours.has(id))
    const found = comparison.compare({
      held: alerts,
      known: options.firing(source),
      more: options.more?.(source) ?? [],
      // What it would not send, or not here, nobody wants to hear. What only our own silence holds back is ours to know.
      isOurs: (alert) =>
        !heldBack(alert.status) &&
        (receivers === undefined || alert.receivers.some((name) => receivers.has(name))) &&
        !watchdogs.isWatchdog({ source, name: alert.labels.alertname ?? '' }),
      uptime: status.uptime,
      now: clock.now(),
      monotonic: clock.monotonic(),
    })
    for (let from = 0; from < found.length; from += BATCH) {
      const batch = found.slice(from, from + BATCH)
      await inbox.add(batch)
      comparison.told(batch, clock.monotonic())
    }
    if (found.length > 0)
      log.warn({ source, alerts: found.length }, 'alerts were told by nobody but the comparison')
  }

  async function askPrometheus(): Promise<void> {
    if (away === undefined || !options.prometheus.configured) return
    // Where no Alertmanager is to tell us, what Prometheus finds is meant for somebody else.
    if (!options.sources().some(({ kind }) => kind === 'alertmanager')) return
    const span = away
    try {
      const isWatchdog = (name: string) => options.sources().some(({ watchdog }) => watchdog?.alert === name)
      const missed = await lookBack({ ...options, isWatchdog }, span, end.signal)
      if (missed.length > 0)
        options.tell(
          `alerts-away-${span.to.toString(36)}`,
          awayCard(missed, span, { now: clock.now(), timezone: options.timezone?.() }),
        )
      away = undefined
    } catch (error) {
      if (!end.signal.aborted)
        log.warn({ error: errorData(error).message }, 'Prometheus does not say what fired while we were away')
    }
  }

  async function lookOnce(): Promise<void> {
    if (end.signal.aborted) return
    try {
      const asked = alertmanagers.all()
      // Before the others, which let the incidents know more than they did when we came back.
      await askPrometheus()
      const there = await Promise.all(asked.map(async (one) => [one.source.name, await lookAt(one)] as const))
      if (end.signal.aborted) return
      const names = asked.map(({ source }) => source.name)
      answers.only(names)
      for (const name of comparisons.keys()) if (!names.includes(name)) comparisons.delete(name)
      watchdogs.look(new Map(there), clock.monotonic())
      await keep()
    } catch (error) {
      log.error({ err: error }, 'the comparison with the Alertmanagers failed')
    }
  }

  async function keep(): Promise<void> {
    const overs = [...comparisons].map(([name, comparison]) => [name, comparison.takenForOver()] as const)
    const looks: Looks = {
      at: clock.now().toISOString(),
      unheard: { ...watchdogs.unheard() },
      overs: Object.fromEntries(overs.filter(([, over]) => Object.keys(over).length > 0)),
      ...(away === undefined ? {} : { away }),
    }
    await facts.set(NAME, looks as Json)
  }

  let looking: Promise<void> = Promise.resolve()
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce)
    return looking
  }
  async function loop(): Promise<void> {
    while (!end.signal.aborted) {
      await look()
      await clock.sleep(everyMs, end.signal).catch(() => {})
    }
  }
  let running: Promise<void> = Promise.resolve()

  return {
    seen: watchdogs.seen,
    look,
    start() {
      running = loop()
    },
    async stop() {
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      await running
      await looking
    },
  }
}
