/** What is told becomes incidents: the same problem once, beneath its cause, and a flood as one. */
import {
  type About,
  type Alert,
  aboutOf,
  causeOf,
  graver,
  type Incident,
  isAgain,
  isBeyond,
  isOpen,
  isSilent,
  keyOf,
  nameOf,
  noted,
  opened,
  type Places,
  type Severity,
  withAlert,
} from '@homelab/core/alerts'
import type { AlertsSettings, Inventory } from '@homelab/core/inventory'
import type { Draft } from './book.ts'

/** As many problems at once are told one by one. */
const FLOOD = 10
const FLOOD_MS = 60_000

export interface TakeIn {
  /** @returns how many of them changed something */
  take(draft: Draft, alerts: readonly Alert[], now: Date): number
}

export interface TakeInOptions {
  readonly inventory: () => Inventory
  readonly places: () => Places
  readonly onBug: (error: unknown, where: string) => void
  /** Nobody is told of it: it cannot stand for what is folded beneath it. */
  readonly isDropped: (incident: Incident, settings: AlertsSettings) => boolean
}

export function createTakeIn(options: TakeInOptions): TakeIn {
  /** The latest that are told one by one, and when they were opened. */
  let latest: { readonly id: string; readonly at: number }[] = []

  function openNew(draft: Draft, key: string, alert: Alert, about: About, now: Date): void {
    const incident = opened(draft.newId(), key, alert, about, now)
    const { alerts, ...inventory } = options.inventory()
    const causes = draft.open().filter(
      // Who silenced one did not know what would come beneath it.
      (each) => each.key.endsWith(':down') && !options.isDropped(each, alerts) && !isSilent(each, now),
    )
    const cause = causeOf(incident, causes, inventory)
    if (cause !== undefined) {
      beneath(draft, incident, cause, now)
      return
    }
    if (options.isDropped(incident, alerts)) {
      draft.put(incident)
      return
    }
    // Those of a change that could not be kept were not told.
    latest = latest.filter(({ id, at }) => now.getTime() - at < FLOOD_MS && draft.get(id) !== undefined)
    // What explains others is told by itself, whatever else there is.
    if (latest.length >= FLOOD && !/^(?:node|storage|homelab)\//.test(key)) {
      const flood = floodIn(draft, alert, now)
      if (!options.isDropped(flood, alerts)) {
        draft.put(flood)
        beneath(draft, incident, flood.id, now)
        return
      }
    }
    latest.push({ id: incident.id, at: now.getTime() })
    draft.put(incident)
    if (key.endsWith(':down')) adopt(draft, incident, inventory, now)
  }

  /** What began just before its cause was seen. */
  function adopt(draft: Draft, cause: Incident, inventory: Omit<Inventory, 'alerts'>, now: Date): void {
    for (const child of draft.open())
      if (child.parent === undefined && causeOf(child, [cause], inventory) === cause.id) {
        beneath(draft, child, cause.id, now)
        // One level only: who looks at the cause sees all of it.
        for (const below of draft.open()) if (below.parent === child.id) beneath(draft, below, cause.id, now)
      }
  }

  function beneath(draft: Draft, child: Incident, parent: string, now: Date): void {
    const cause = draft.get(parent)
    draft.put(noted({ ...child, parent }, `because of ${parent}: ${cause?.title ?? 'another one'}`, now))
    raise(draft, child.severity, parent)
  }

  /** One that is graver than what it is told beneath must not be held back with that. */
  function raise(draft: Draft, severity: Severity, parent: string | undefined): void {
    const cause = parent === undefined ? undefined : draft.get(parent)
    if (cause === undefined || !isOpen(cause) || graver(cause.severity, severity) === cause.severity) return
    draft.put({ ...cause, severity })
  }

  function takeOne(draft: Draft, alert: Alert, now: Date): boolean {
    const about = aboutOf(alert, options.places())
    const key = keyOf(alert, about)
    // What its labels mean may have changed: a guest has come, or was not seen yet.
    const holder = draft.byAlert(alert) ?? (alert.status === 'resolved' ? manyWith(draft, alert) : undefined)
    const before = holder !== undefined && isOpen(holder) ? holder : draft.byKey(key)
    if (before !== undefined && (isOpen(before) || isAgain(before, now) || alert.status === 'resolved')) {
      const after = withAlert(before, alert, now)
      draft.put(after)
      if (after !== before && isOpen(after)) raise(draft, after.severity, after.parent)
      return after !== before
    }
    if (alert.status === 'resolved' || isLate(before, alert)) return false
    openNew(draft, key, alert, about, now)
    return true
  }

  return {
    take(draft, alerts, now) {
      let changed = 0
      for (const alert of alerts) {
        try {
          if (takeOne(draft, alert, now)) changed += 1
        } catch (error) {
          // One that we fail at must not hold up the others.
          options.onBug(error, `the alert ${alert.source}/${alert.fingerprint}`)
        }
      }
      return changed
    },
  }
}

/** Of alerts beyond those that are kept whole only the name is known. */
const manyWith = (draft: Draft, alert: Alert): Incident | undefined =>
  draft.open().find((incident) => isBeyond(incident, nameOf(alert)))

/** Told before, and over since: it only comes late. */
const isLate = (before: Incident | undefined, alert: Alert): boolean =>
  before?.alerts.some(
    ({ source, fingerprint, startsAt }) =>
      alert.vague !== true &&
      source === alert.source &&
      fingerprint === alert.fingerprint &&
      Date.parse(startsAt) >= Date.parse(alert.startsAt),
  ) === true

const FLOOD_KEY = 'homelab/flood'
export const isFlood = ({ key }: Pick<Incident, 'key'>): boolean => key === FLOOD_KEY

function floodIn(draft: Draft, first: Alert, now: Date): Incident {
  const before = draft.byKey(FLOOD_KEY)
  // One that somebody has seen and put aside is another one.
  if (before?.state === 'firing' && !isSilent(before, now)) return before
  return opened(
    draft.newId(),
    FLOOD_KEY,
    {
      source: 'homelab',
      fingerprint: 'flood',
      status: 'firing',
      name: 'Flood',
      severity: first.severity,
      title: 'Many problems at once',
      text: 'So many began within a minute that they are told in one.',
      labels: {},
      startsAt: now.toISOString(),
    },
    {},
    now,
  )
}
