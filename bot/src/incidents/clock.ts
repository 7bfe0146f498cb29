/** What the time makes of incidents: silences end, quiet hours and maintenance end, nobody has answered. */
import type { Card } from '@homelab/core'
import {
  aged,
  digestCard,
  type Incident,
  incidentCard,
  isOpen,
  isSilent,
  type Maintenance,
  noted,
  routeOf,
} from '@homelab/core/alerts'
import type { Inventory } from '@homelab/core/inventory'
import type { Draft } from './book.ts'
import { escalatedTo, escalationId, holdOf } from './show.ts'
import { isFlood } from './take-in.ts'

/** What stands on something has so long to come back after that. */
const GRACE_MS = 120_000

/** A card of its own, told before the change is kept: told twice it is the same card. */
export interface Extra {
  readonly id: string
  readonly card: Card
  /** A channel of the file; absent: the ops channels. */
  readonly to?: string
}

export function age(draft: Draft, inventory: Inventory, now: Date): readonly Extra[] {
  for (const incident of draft.open()) draft.put(aged(incident, now))
  unfold(draft, now)
  return [
    ...endMaintenances(draft, inventory, now),
    ...endQuiet(draft, inventory, now),
    ...escalate(draft, inventory, now),
  ]
}

/** What is still so when its cause has been over for a while was not, or not only, because of it. */
function unfold(draft: Draft, now: Date): void {
  const open = draft.open()
  for (const incident of open) {
    if (incident.parent === undefined) continue
    const cause = draft.get(incident.parent)
    if (cause !== undefined && (isOpen(cause) || now.getTime() - closedAt(cause) < GRACE_MS)) continue
    const { parent: _, ...rest } = withoutHand(incident, cause)
    draft.put(noted(rest, `still so, though ${cause?.title ?? 'what it was put down to'} is over`, now))
  }
  const parents = new Set(open.map(({ parent }) => parent))
  for (const flood of open)
    if (isFlood(flood) && !parents.has(flood.id)) {
      const alerts = flood.alerts.map((alert) => ({
        ...alert,
        status: 'resolved' as const,
        endsAt: now.toISOString(),
      }))
      draft.put(
        noted({ ...flood, alerts, state: 'resolved', resolvedAt: now.toISOString() }, 'resolved', now),
      )
    }
}

/** When we heard that it is over, which may be minutes after it was. Milliseconds since the epoch. */
function closedAt({ history, resolvedAt = '' }: Incident): number {
  return Date.parse(history.findLast(({ text }) => text === 'resolved')?.at ?? resolvedAt)
}

/** Who took its cause in hand, or silenced it until it is over, did not mean what stays without it. */
function withoutHand(incident: Incident, cause: Incident | undefined): Incident {
  const { ack, silence, ...rest } = incident
  const ownAck = ack !== undefined && ack.at !== cause?.ack?.at
  const ownSilence =
    silence !== undefined && (silence.until !== undefined || silence.at !== cause?.silence?.at)
  return {
    ...rest,
    state: ownAck ? incident.state : 'firing',
    ...(ownAck ? { ack } : {}),
    ...(ownSilence ? { silence } : {}),
  }
}

function endMaintenances(draft: Draft, inventory: Inventory, now: Date): readonly Extra[] {
  return draft
    .maintenances()
    .filter(({ until }) => Date.parse(until) <= now.getTime())
    .map((maintenance) => endMaintenance(draft, maintenance, inventory, now))
}

/** What it held back is told in one card; what is still so is told by itself, too. */
export function endMaintenance(
  draft: Draft,
  maintenance: Maintenance,
  inventory: Inventory,
  now: Date,
): Extra {
  draft.putMaintenance(maintenance, false)
  const held = maintenance.incidents.flatMap((id) => draft.get(id) ?? [])
  for (const incident of held) release(draft, incident)
  const what = maintenance.all ? 'the lab' : maintenance.what.join(', ')
  const backups =
    maintenance.schedules.length === 0
      ? ''
      : ` Backups that waited go on: ${maintenance.schedules.join(', ')}.`
  const title = `Maintenance of ${what} is over`
  const id = `maintenance-${maintenance.id}-over`
  if (held.length === 0) return { id, card: { title, tone: 'ok', text: `It held back no alerts.${backups}` } }
  const facts = { now, timezone: inventory.timezone }
  return { id, card: digestCard(title, held, { ...facts, text: `It held back ${held.length}.${backups}` }) }
}

function release(draft: Draft, incident: Incident): void {
  const now = draft.get(incident.id) ?? incident
  const { held: _, ...rest } = now
  draft.put(rest)
}

function endQuiet(draft: Draft, inventory: Inventory, now: Date): readonly Extra[] {
  const over = [...draft.all()].filter(
    (incident) => incident.held === 'quiet' && holdOf(incident, inventory, [], now) === undefined,
  )
  const [first] = over
  if (first === undefined) return []
  for (const incident of over) release(draft, incident)
  // One that is still so tells it by itself; so does one that has become too grave to wait.
  if (over.length === 1 && isOpen(first)) return []
  const facts = { now, timezone: inventory.timezone }
  const card = digestCard(`While it was quiet: ${over.length}`, over, facts)
  // The same one may be the first of another night.
  return [{ id: `quiet-${first.id}-${now.toISOString().slice(0, 10)}`, card }]
}

function escalate(draft: Draft, inventory: Inventory, now: Date): readonly Extra[] {
  const extras: Extra[] = []
  for (const incident of draft.open()) {
    const { escalate: rule } = routeOf(incident, inventory.alerts.routes) ?? {}
    if (rule === undefined || incident.state !== 'firing' || incident.escalatedAt !== undefined) continue
    if (incident.parent !== undefined || incident.posts === 0) continue
    if (holdOf(incident, inventory, draft.maintenances(), now) !== undefined) continue
    if (isSilent(incident, now)) continue
    if (now.getTime() - Date.parse(incident.postedAt ?? incident.openedAt) < rule.after) continue
    const escalated = { ...incident, escalatedAt: now.toISOString(), escalatedPost: incident.posts }
    draft.put(noted(escalated, 'nobody has acknowledged it: told once more', now))
    const { timezone } = inventory
    const card = incidentCard(incident, { now, timezone })
    const people = rule.people.flatMap(
      (name) => inventory.people.find((person) => person.name === name) ?? [],
    )
    const mention = people.flatMap(({ discord = [], slack = [] }) => [
      ...discord.map((id) => `discord:${id}`),
      ...slack.map((id) => `slack:${id}`),
    ])
    const to = escalatedTo(incident, inventory)
    extras.push({
      id: escalationId(escalated),
      card: {
        ...card,
        title: `Nobody has it in hand: ${card.title}`,
        ...(mention.length === 0 ? {} : { mention }),
      },
      ...(to === undefined ? {} : { to }),
    })
  }
  return extras
}
