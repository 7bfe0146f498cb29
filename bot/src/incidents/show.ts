/** Which card stands where: one message an incident and channel, changed in place, and a new one when somebody must see it. */
import type { Card } from '@homelab/core'
import {
  countOf,
  type Incident,
  incidentCard,
  isOpen,
  isQuiet,
  isSilent,
  type Maintenance,
  maintenanceOf,
  noted,
  rank,
  routeOf,
} from '@homelab/core/alerts'
import type { Inventory } from '@homelab/core/inventory'
import type { Notify } from '../chat/notices.ts'
import type { Book, Draft } from './book.ts'
import { isFlood } from './take-in.ts'

/** What begins again is told with a new message, but not more often than this. */
const ANEW_MS = 600_000

export const cardId = ({ id }: Pick<Incident, 'id'>, post: number): string =>
  post <= 1 ? `incident-${id}` : `incident-${id}-${post}`

/** Why nobody is told of it now. */
export function holdOf(
  incident: Incident,
  { alerts, timezone }: Pick<Inventory, 'alerts' | 'timezone'>,
  maintenances: readonly Maintenance[],
  now: Date,
): Incident['held'] {
  if (maintenanceOf(incident, maintenances) !== undefined) return 'maintenance'
  return isQuiet(incident, alerts.quiet, timezone, now) ? 'quiet' : undefined
}

/** Whether somebody must see it who has not, or who has done with it. */
function isNews(incident: Incident, before: Incident | undefined, now: Date): boolean {
  if (!isOpen(incident) || isSilent(incident, now) || incident.state === 'acknowledged') return false
  if (incident.posts === 0) return true
  // It was held back, and is not any more.
  if (incident.held !== undefined || before?.held !== undefined) return true
  // Who is told of what is graver may be somebody else, and nobody sees a message that only changes.
  const { severity, toldSeverity = before?.severity ?? severity } = incident
  if (rank(severity) < rank(toldSeverity)) return true
  // It was told beneath its cause, and is now told for itself.
  if (before?.parent !== undefined) return true
  const wasQuieted = before !== undefined && (before.ack !== undefined || before.silence !== undefined)
  const isUnquieted = wasQuieted && incident.ack === undefined && incident.silence === undefined
  const age = now.getTime() - Date.parse(incident.postedAt ?? incident.openedAt)
  return isUnquieted || (before !== undefined && incident.again > before.again && age >= ANEW_MS)
}

/** After each change, in the same transaction: who is to be told is decided before it is kept, and told after. */
export function place(
  draft: Draft,
  before: (id: string) => Incident | undefined,
  inventory: Inventory,
  now: Date,
): void {
  for (const incident of changedIn(draft, before)) {
    if (incident.parent !== undefined || routeOf(incident, inventory.alerts.routes)?.drop === true) continue
    const held = holdOf(incident, inventory, draft.maintenances(), now)
    if (!isNews(incident, before(incident.id), now)) continue
    if (held !== undefined) {
      if (incident.held !== held) hold(draft, incident, held, now)
      continue
    }
    // Nobody has answered the new one yet.
    const { held: _, escalatedAt: __, ...rest } = incident
    const to = routeOf(incident, inventory.alerts.routes)?.to ?? ['']
    const toldBefore = incident.posts === 0 ? {} : { toldBefore: incident.told }
    draft.put({
      ...rest,
      posts: incident.posts + 1,
      postedAt: now.toISOString(),
      told: to,
      toldSeverity: incident.severity,
      ...toldBefore,
    })
  }
}

function* changedIn(draft: Draft, before: (id: string) => Incident | undefined): Iterable<Incident> {
  for (const incident of [...draft.all()]) if (before(incident.id) !== incident) yield incident
}

function hold(draft: Draft, incident: Incident, held: NonNullable<Incident['held']>, now: Date): void {
  draft.put(
    noted(
      { ...incident, held },
      held === 'quiet' ? 'nobody is told: quiet hours' : 'nobody is told: maintenance',
      now,
    ),
  )
  if (held !== 'maintenance') return
  const maintenance = maintenanceOf(incident, draft.maintenances())
  if (maintenance === undefined || maintenance.incidents.includes(incident.id)) return
  draft.putMaintenance({ ...maintenance, incidents: [...maintenance.incidents, incident.id] }, true)
}

export const escalationId = ({ id, posts, escalatedPost = posts }: Incident): string =>
  `escalation-${id}-${escalatedPost}`

/** The channel of the file in which it was told once more; undefined: the ops channels. */
export const escalatedTo = (incident: Incident, { alerts }: Pick<Inventory, 'alerts'>): string | undefined =>
  routeOf(incident, alerts.routes)?.escalate?.to ?? incident.told.find((name) => name !== '')

export interface Teller {
  /** Shows those that are shown, as they are now; what is folded beneath changes its cause's card. */
  show(changed: readonly Incident[]): void
}

export function createTeller(options: {
  readonly book: Pick<Book, 'get' | 'all'>
  readonly inventory: () => Inventory
  readonly notify: Notify
  readonly now: () => Date
}): Teller {
  const { book, inventory, notify } = options

  function showOne(incident: Incident, children: readonly Incident[]): void {
    const now = options.now()
    const { timezone } = inventory()
    const parent = incident.parent === undefined ? undefined : book.get(incident.parent)
    const flood = isFlood(incident)
    const facts = { now, timezone, children, parent, flood }
    const card = incidentCard(flood ? titled(incident, children) : incident, facts)
    const isLive = isOpen(incident) && parent === undefined
    for (const name of incident.told) {
      const to = name === '' ? {} : { to: name }
      const log = `incident/${incident.id}`
      notify(cardId(incident, incident.posts), card, isLive ? 'live' : 'done', { ...to, log })
    }
    if (incident.posts <= 1) return
    for (const name of incident.toldBefore ?? incident.told)
      notify(cardId(incident, incident.posts - 1), earlier(incident), 'done', name === '' ? {} : { to: name })
  }

  /** It called for somebody: it says so no more when there is somebody, or nothing left to do. */
  function showEscalation(incident: Incident): void {
    const { escalatedAt, escalatedPost = incident.posts } = incident
    if (escalatedAt === undefined && incident.escalatedPost === undefined) return
    if (incident.state === 'firing' && escalatedPost === incident.posts) return
    const to = escalatedTo(incident, inventory())
    const who = incident.ack === undefined ? 'It' : `${incident.ack.by.name} has it in hand: it`
    const how = incident.state === 'firing' ? 'Earlier' : isOpen(incident) ? 'In hand' : 'Over'
    const card: Card = {
      title: `${how}: ${incident.title}`,
      tone: isOpen(incident) ? 'neutral' : 'ok',
      text: `${who} has a message of its own.`,
      footer: `incident ${incident.id}`,
    }
    notify(escalationId(incident), card, 'done', to === undefined ? {} : { to })
  }

  return {
    show(changed) {
      const ids = new Set(changed.flatMap(({ id, parent }) => (parent === undefined ? [id] : [id, parent])))
      const children = Map.groupBy(
        book.all().filter(({ parent }) => parent !== undefined && ids.has(parent)),
        ({ parent }) => parent,
      )
      for (const id of ids) {
        const incident = book.get(id)
        if (incident === undefined || incident.posts === 0) continue
        showOne(incident, children.get(id) ?? [])
        showEscalation(incident)
      }
    },
  }
}

function titled(incident: Incident, children: readonly Incident[]): Incident {
  const open = children.filter(isOpen)
  const alerts = open.reduce((sum, child) => sum + countOf(child), 0)
  if (open.length === 0) return incident
  const count = alerts > open.length ? ` (${alerts} alerts)` : ''
  return { ...incident, title: `${open.length} problems at once${count}` }
}

const earlier = (incident: Incident) =>
  ({
    title: `Earlier: ${incident.title}`,
    tone: 'neutral',
    text: 'It was told anew: see its newer message.',
    footer: `incident ${incident.id}`,
  }) as const
