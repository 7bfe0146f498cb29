/** What an Alertmanager holds against what is known here: the difference is what was lost on the way. */
import { type Alert, alertOf, type HeldAlert } from '@homelab/core/alerts'

/** What was handed in and does not show here is handed in again: somebody said that it is over, and it is not. */
const AGAIN_MS = 3_600_000
/** How long the incidents may take to work in that something is over. */
const WORKED_IN_MS = 300_000
/** For so long it is remembered what was taken for over. */
const OVER_MS = 7 * 86_400_000

export interface Seen {
  readonly held: readonly HeldAlert[]
  /** Alerts of this source that fire here, whole. */
  readonly known: readonly Alert[]
  /** Fingerprints of those of which it is only known that they fire. */
  readonly more: readonly string[]
  /** Whether Alertmanager would send it here. */
  readonly isOurs: (alert: HeldAlert) => boolean
  /** Since when the Alertmanager runs: a restart lets it forget all. */
  readonly uptime: string | undefined
  readonly now: Date
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: number
}

/** What was taken for over, by fingerprint. */
export type TakenForOver = Readonly<Record<string, { readonly startsAt: string; readonly at: string }>>

export interface Comparison {
  /** What the inbox must be told. */
  compare(seen: Seen): readonly Alert[]
  /** That it was told. */
  told(alerts: readonly Alert[], monotonic: number): void
  takenForOver(): TakenForOver
}

interface Entry {
  /** As it was seen there last. */
  alert?: Alert
  /** `startsAt` as it came, which is another one where their clock is ahead of ours; `raw` of what needs no telling. */
  seen?: string
  raw?: string
  missing?: { readonly at: string; readonly monotonic: number }
  told?: { readonly status: Alert['status']; readonly seen: string | undefined; readonly monotonic: number }
}

/**
 * @param source its name in homelab.yaml
 * @param goneMs how long a known alert must be missing in Alertmanager before it is over
 */
export function createComparison(source: string, goneMs: number, before: TakenForOver = {}): Comparison {
  const entries = new Map<string, Entry>()
  let overs: TakenForOver = before
  let uptime: string | undefined

  const entryOf = (fingerprint: string): Entry => {
    const entry = entries.get(fingerprint) ?? {}
    entries.set(fingerprint, entry)
    return entry
  }
  const wasTold = ({ told }: Entry, status: Alert['status'], monotonic: number, ms: number): boolean =>
    told?.status === status && monotonic - told.monotonic < ms

  /** What fires there, and is not known to fire here since then. */
  function lost(held: HeldAlert, known: Alert | undefined, seen: Seen): Alert | undefined {
    const { now, monotonic, more } = seen
    const entry = entryOf(held.fingerprint)
    const alert = alertOf(source, held, now)
    entry.alert = alert
    entry.seen = held.startsAt
    if (known !== undefined) {
      if (entry.raw === held.startsAt) return undefined
      const isNewer = Date.parse(alert.startsAt) > Date.parse(known.startsAt)
      if (isNewer && Date.parse(held.startsAt) <= now.getTime()) return alert
      entry.raw = held.startsAt
      return undefined
    }
    if (more.includes(held.fingerprint)) return undefined
    const wasHanded = entry.told?.seen === held.startsAt
    if (wasHanded && wasTold(entry, 'firing', monotonic, AGAIN_MS)) return undefined
    const over = overs[held.fingerprint]
    // Somebody, or the comparison, took it for over, and it is not: as it was it would look like old news.
    const isOld = over !== undefined && Date.parse(alert.startsAt) <= Date.parse(over.startsAt)
    return wasHanded || isOld ? { ...alert, startsAt: now.toISOString() } : alert
  }

  /** What is known to fire, and has not been there for too long. */
  function gone(fingerprint: string, known: Alert | undefined, { now, monotonic }: Seen): Alert | undefined {
    const entry = entryOf(fingerprint)
    entry.missing ??= { at: now.toISOString(), monotonic }
    if (monotonic - entry.missing.monotonic < goneMs) return undefined
    if (wasTold(entry, 'resolved', monotonic, WORKED_IN_MS)) return undefined
    const { at } = entry.missing
    const alert = known ?? entry.alert ?? neverSeen(source, fingerprint, at)
    const endsAt = Date.parse(at) < Date.parse(alert.startsAt) ? alert.startsAt : at
    return { ...alert, status: 'resolved', endsAt }
  }

  return {
    compare(seen) {
      const { held, known, more, isOurs, now } = seen
      const there = new Set(held.map(({ fingerprint }) => fingerprint))
      // What is told once, such as that some were left out, no Alertmanager holds.
      const lasting = known.filter(({ once }) => once !== true)
      const knownBy = new Map(lasting.map((alert) => [alert.fingerprint, alert]))
      const names = new Set([...knownBy.keys(), ...more])
      const restarted = uptime !== undefined && seen.uptime !== undefined && uptime !== seen.uptime
      uptime = seen.uptime ?? uptime
      for (const [fingerprint, entry] of entries) {
        // It has just begun, and has not been told yet what fires.
        if (restarted || there.has(fingerprint)) delete entry.missing
        if (!there.has(fingerprint) && !names.has(fingerprint)) entries.delete(fingerprint)
      }
      overs = Object.fromEntries(
        Object.entries(overs).filter(([, { at }]) => now.getTime() - Date.parse(at) < OVER_MS),
      )
      return [
        ...held.filter(isOurs).map((alert) => lost(alert, knownBy.get(alert.fingerprint), seen)),
        ...[...names]
          .filter((fingerprint) => !there.has(fingerprint))
          .map((fingerprint) => gone(fingerprint, knownBy.get(fingerprint), seen)),
      ].filter((alert) => alert !== undefined)
    },
    told(alerts, monotonic) {
      for (const { fingerprint, status, startsAt, endsAt = startsAt } of alerts) {
        const entry = entryOf(fingerprint)
        entry.told = { status, seen: entry.seen, monotonic }
        if (entry.seen !== undefined) entry.raw = entry.seen
        const { [fingerprint]: _, ...others } = overs
        overs = status === 'resolved' ? { ...others, [fingerprint]: { startsAt, at: endsAt } } : others
      }
    },
    takenForOver: () => overs,
  }
}

/** Of those that were never seen whole: enough to end them. */
const neverSeen = (source: string, fingerprint: string, at: string): Alert => ({
  source,
  fingerprint,
  status: 'resolved',
  name: 'alert',
  severity: 'info',
  title: fingerprint,
  labels: {},
  startsAt: at,
})
