/** What an incident looks like: while it lasts, folded beneath its cause, and when it is over. */
import type { Button, Card, Section, Tone } from '../operation/card.ts'
import { duration } from '../operation/view.ts'
import { countOf, firingIn, isOpen, isSilent } from './incident.ts'
import type { Alert, HistoryLine, Incident, Severity } from './types.ts'

export interface CardFacts {
  readonly now: Date
  readonly timezone?: string | undefined
  /** What is folded beneath it. */
  readonly children?: readonly Incident[]
  readonly parent?: Incident | undefined
  /** Its children have nothing in common but their time. */
  readonly flood?: boolean
  /** Who may use these from here is asked when they are pressed; without them it is for reading only. */
  readonly buttons?: boolean
}

/** Rows of a table: more would be no card. */
const ROWS = 20

const tones: Readonly<Record<Severity, Tone>> = { critical: 'error', warning: 'warning', info: 'neutral' }

export const toneOf = (incident: Incident): Tone => (isOpen(incident) ? tones[incident.severity] : 'ok')

/** Making one costs more than all else on a card. */
const formats = new Map<string, { readonly day: Intl.DateTimeFormat; readonly clock: Intl.DateTimeFormat }>()

function formatsOf(timeZone: string) {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const made = {
    day: new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeZone }),
    clock: new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone }),
  }
  formats.set(timeZone, made)
  return made
}

/** `02:14`, with the day when it was not today. */
export function timeIn(timezone: string | undefined, at: string, now: Date): string {
  const { day, clock } = formatsOf(timezone ?? 'UTC')
  const time = new Date(at)
  return day.format(time) === day.format(now)
    ? clock.format(time)
    : `${day.format(time)} ${clock.format(time)}`
}

export function incidentCard(incident: Incident, facts: CardFacts): Card {
  if (!isOpen(incident)) return over(incident, facts)
  if (facts.parent !== undefined) return folded(incident, facts.parent, facts)
  return open(incident, facts)
}

export const lastedMs = (
  { openedAt, resolvedAt }: { readonly openedAt: string; readonly resolvedAt?: string | undefined },
  now: Date,
): number =>
  Math.max(0, (resolvedAt === undefined ? now.getTime() : Date.parse(resolvedAt)) - Date.parse(openedAt))

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)

function over(incident: Incident, facts: CardFacts): Card {
  const { openedAt, resolvedAt = openedAt, again, id } = incident
  const at = (time: string) => timeIn(facts.timezone, time, facts.now)
  const own = incident.alerts.find(({ card, status }) => card !== undefined && status === 'resolved')?.card
  const lasted = `It lasted ${duration(lastedMs(incident, facts.now))}, from ${at(openedAt)} to ${at(resolvedAt)}.`
  const flapped = again === 0 ? '' : ` It began again ${times(again)} meanwhile.`
  const ack = incident.ack === undefined ? '' : ` ${incident.ack.by.name} had it in hand.`
  const done = own !== undefined && own.tone === 'ok' ? own.title : `Over: ${incident.title}`
  return {
    title: done,
    tone: 'ok',
    text: `${lasted}${flapped}${ack}`,
    ...withSections(childrenOf(facts)),
    footer: `incident ${id}${zoneNote(facts)}`,
  }
}

const zoneNote = ({ timezone }: CardFacts): string => ` · times of ${timezone ?? 'UTC'}`

function folded(incident: Incident, parent: Incident, facts: CardFacts): Card {
  return {
    title: incident.title,
    tone: 'neutral',
    text: `Because of this: ${parent.title} (incident ${parent.id}). It is told there, and here again if it stays when that is over.`,
    footer: `incident ${incident.id} · ${incident.severity} · since ${timeIn(facts.timezone, incident.openedAt, facts.now)}${zoneNote(facts)}`,
  }
}

function open(incident: Incident, facts: CardFacts): Card {
  const { timezone, now } = facts
  const [first] = firingIn(incident)
  const own = first?.card
  const since = timeIn(timezone, incident.openedAt, now)
  const sources = [...new Set(firingIn(incident).map(({ source }) => source))].filter(
    (name) => name !== 'homelab',
  )
  const text = [own?.text ?? first?.text, ...states(incident, facts)].filter(
    (part) => part !== undefined && part !== '',
  )
  const sections = [...(own?.sections ?? []), ...alertTable(incident, facts), ...childrenOf(facts)]
  return {
    title: titleOf(incident),
    tone: incident.state === 'acknowledged' || isSilent(incident, now) ? 'busy' : tones[incident.severity],
    ...(text.length === 0 ? {} : { text: text.join('\n') }),
    ...withSections(sections),
    ...(facts.buttons === false ? {} : { buttons: buttonsOf(incident, own?.buttons ?? [], now) }),
    footer: [
      `incident ${incident.id}`,
      incident.severity,
      `since ${since}`,
      ...(sources.length === 0 ? [] : [`from ${sources.join(', ')}`]),
    ]
      .join(' · ')
      .concat(zoneNote(facts)),
  }
}

/** Of many about nothing in particular, what they have in common. */
function titleOf(incident: Incident): string {
  const [first] = firingIn(incident)
  const count = countOf(incident)
  if (first === undefined || count < 2 || Object.keys(incident.about).length > 0) return incident.title
  return `${first.name}: ${count} alerts`
}

const withSections = (sections: readonly Section[]) => (sections.length === 0 ? {} : { sections })

function states(incident: Incident, { timezone, now }: CardFacts): readonly string[] {
  const at = (time: string) => timeIn(timezone, time, now)
  const { ack, silence, again } = incident
  return [
    ...(again === 0 ? [] : [`It began again ${times(again)}.`]),
    ...(ack === undefined ? [] : [`${ack.by.name} has it in hand since ${at(ack.at)}.`]),
    ...(silence === undefined || !isSilent(incident, now)
      ? []
      : [
          silence.until === undefined
            ? `Silenced by ${silence.by.name} until it is over.`
            : `Silenced by ${silence.by.name} until ${at(silence.until)}.`,
        ]),
  ]
}

function alertTable(incident: Incident, { timezone, now }: CardFacts): readonly Section[] {
  const firing = firingIn(incident)
  const count = countOf(incident)
  if (count < 2) return []
  const rows = firing.slice(0, ROWS)
  return [
    {
      kind: 'table',
      title: `${count} alerts${count > rows.length ? `, the first ${rows.length}` : ''}`,
      columns: [{ name: 'Alert' }, { name: 'Severity' }, { name: 'Since' }],
      rows: rows.map(({ title, severity, startsAt }) => [
        title,
        { text: severity, tone: tones[severity] },
        timeIn(timezone, startsAt, now),
      ]),
    },
  ]
}

function childrenOf({ children = [], flood, timezone, now }: CardFacts): readonly Section[] {
  if (children.length === 0) return []
  const all = [...children].sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)))
  const still = all.filter(isOpen).length
  const shown = all.slice(0, ROWS)
  return [
    {
      kind: 'table',
      title: `${flood === true ? 'At once' : 'Because of it'}: ${still === all.length || still === 0 ? '' : `${still} of `}${all.length}${all.length > shown.length ? `, the first ${shown.length}` : ''}`,
      columns: [{ name: 'What' }, { name: 'Now' }, { name: 'Since' }],
      rows: shown.map((child) => [
        child.title,
        isOpen(child) ? { text: child.severity, tone: tones[child.severity] } : { text: 'over', tone: 'ok' },
        timeIn(timezone, child.openedAt, now),
      ]),
    },
  ]
}

/** Of those that fire: what to do about it, and where its source shows it. */
function linksOf(firing: readonly Alert[]): readonly Button[] {
  const runbook = firing.find((alert) => alert.runbook !== undefined)?.runbook
  const link = firing.find((alert) => alert.link !== undefined)?.link
  return [
    ...(runbook === undefined ? [] : [linkTo('Runbook', runbook)]),
    ...(link === undefined ? [] : [linkTo('Source', link)]),
  ]
}

/** Platforms refuse a whole message for an address that is too long. */
const LINK = 500
const linkTo = (label: string, url: string): Button =>
  url.length > LINK
    ? { label, action: { kind: 'link', url: new URL(url).origin } }
    : { label, action: { kind: 'link', url } }

const command = (label: string, text: string, style?: Button['style']): Button => ({
  label,
  action: { kind: 'command', text },
  ...(style === undefined ? {} : { style }),
})

/** The hand that mends first, then what keeps it quiet. */
function buttonsOf(incident: Incident, own: readonly Button[], now: Date): readonly Button[] {
  const { id, about, key, state } = incident
  const target = about.service ?? (about.vmid === undefined ? undefined : String(about.vmid))
  const isDown = key.endsWith(':down')
  const mending: Button[] = [...own]
  if (own.length === 0 && target !== undefined) {
    if (isDown) mending.push(command('Restart', `restart ${target}`))
    mending.push(command('Logs', `logs ${target}`))
  }
  if (about.storage !== undefined && own.length === 0)
    mending.push(command('Graph', `graph storage ${about.storage} 30d`))
  else if (target !== undefined && !own.some(({ label }) => label === 'Graph'))
    mending.push(command('Graph', `graph ${target} cpu 24h`))
  else if (about.node !== undefined && target === undefined)
    mending.push(command('Graph', `graph node memory 24h`))
  const ack = state === 'firing' ? [command('Ack', `alert ack ${id}`, 'primary')] : []
  const quiet = isSilent(incident, now)
    ? [command('Unsilence', `alert unsilence ${id}`)]
    : [
        command('Silence 1 h', `alert silence ${id} 1h`),
        command('Silence 4 h', `alert silence ${id} 4h`),
        command('Silence until over', `alert silence ${id}`),
      ]
  return [
    ...ack,
    ...mending.slice(0, 6),
    ...quiet,
    command('History', `alert show ${id}`),
    ...linksOf(firingIn(incident)),
  ]
}

/** One line of its history, as a thread has it. */
export function historyText({ at, text, by }: HistoryLine, timezone: string | undefined, now: Date): string {
  return `${timeIn(timezone, at, now)} ${text}${by === undefined ? '' : ` by ${by.name}`}`
}

/** What happened while nobody was to be told, or while we were away: one card for all of it. */
export function digestCard(
  title: string,
  incidents: readonly Incident[],
  facts: CardFacts & { readonly text?: string },
): Card {
  const shown = incidents.slice(0, ROWS)
  const open = incidents.filter(isOpen).length
  return {
    title,
    tone: open === 0 ? 'neutral' : 'warning',
    text: [
      facts.text,
      open === 0
        ? 'All of it is over.'
        : `${open} of ${incidents.length} ${open === 1 ? 'is' : 'are'} still so.`,
    ]
      .filter((part) => part !== undefined)
      .join(' '),
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'What' }, { name: 'Now' }, { name: 'From' }, { name: 'For' }],
        rows: shown.map((incident) => [
          `${incident.title} (${incident.id})`,
          isOpen(incident)
            ? { text: incident.severity, tone: tones[incident.severity] }
            : { text: 'over', tone: 'ok' },
          timeIn(facts.timezone, incident.openedAt, facts.now),
          duration(lastedMs(incident, facts.now)),
        ]),
      },
    ],
    buttons: [command('Alerts', 'alert list')],
    footer: `${incidents.length > shown.length ? `… ${incidents.length - shown.length} more · ` : ''}times of ${facts.timezone ?? 'UTC'}`,
  }
}
