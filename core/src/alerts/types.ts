/** An alert as any source tells it, and the incident that is made of those about one problem. */
import { z } from 'zod'
import type { Card } from '../operation/card.ts'
import type { Names } from './names.ts'

/** The gravest first. */
export const severities = ['critical', 'warning', 'info'] as const
export const Severity = z.enum(severities)
export type Severity = z.infer<typeof Severity>

const Iso = z.iso.datetime()
const Http = z.url({ protocol: /^https?$/ })

/** What one source says of one thing, whatever it calls that. */
export const Alert = z.object({
  /** The source's name in homelab.yaml; `homelab` for what the bot finds by itself. */
  source: z.string(),
  /** The same for as long as its source means the same, and no other of this source. */
  fingerprint: z.string(),
  status: z.enum(['firing', 'resolved']),
  /** `PlexDown`: what the rule, or the monitor, is called. */
  name: z.string(),
  severity: Severity,
  /** One line for people. */
  title: z.string(),
  text: z.string().exactOptional(),
  labels: z.record(z.string(), z.string()),
  /** As its source tells it, and never later than it was received. */
  startsAt: Iso,
  /** `startsAt` is when it was told, for its source does not say when it began: told again it is no other time. */
  vague: z.literal(true).exactOptional(),
  /** Absent while it fires. */
  endsAt: Iso.exactOptional(),
  /** Where its source shows it. */
  link: Http.exactOptional(),
  /** What to do about it, as its rule says. */
  runbook: Http.exactOptional(),
  /** Of a finding of the bot: what it looks like, instead of what would be made of the above. */
  card: z.custom<Card>((value) => typeof value === 'object' && value !== null).exactOptional(),
  /** Its source says nothing when it is over: it is over when somebody has acknowledged it, or after a day. */
  once: z.literal(true).exactOptional(),
})
export type Alert = z.infer<typeof Alert>

/** What a problem is about, as far as it could be told. Names are those of the lab. */
export const About = z.object({
  service: z.string().exactOptional(),
  stack: z.string().exactOptional(),
  vmid: z.int().exactOptional(),
  /** As people call it. */
  guest: z.string().exactOptional(),
  node: z.string().exactOptional(),
  storage: z.string().exactOptional(),
  plan: z.string().exactOptional(),
})
export type About = z.infer<typeof About>

const Person = z.object({ id: z.string(), name: z.string() })

const HistoryLine = z.object({ at: Iso, text: z.string(), by: Person.exactOptional() })
export type HistoryLine = z.infer<typeof HistoryLine>

export const incidentStates = ['firing', 'acknowledged', 'resolved'] as const

/** An incident as it is kept and handed out. */
export const KeptIncident = z.object({
  /** Short, for people to type: `k7f3`. */
  id: z.string(),
  /** What it is about, and of what kind: alerts with the same key are the same problem while it is open. */
  key: z.string(),
  title: z.string(),
  /** The gravest of its alerts, so far. */
  severity: Severity,
  about: About,
  state: z.enum(incidentStates),
  openedAt: Iso,
  resolvedAt: Iso.exactOptional(),
  /** How often it began again after it had seemed to be over. */
  again: z.int(),
  ack: z.object({ by: Person, at: Iso }).exactOptional(),
  /** `until` absent: until it is resolved. */
  silence: z.object({ by: Person, at: Iso, until: Iso.exactOptional() }).exactOptional(),
  /** The incident that it is folded beneath: its root cause, or a flood. */
  parent: z.string().exactOptional(),
  /** Why nobody is told now; it is told when that is over. */
  held: z.enum(['quiet', 'maintenance']).exactOptional(),
  escalatedAt: Iso.exactOptional(),
  /** The message, by its number, that was not answered. */
  escalatedPost: z.int().exactOptional(),
  /** What was done without asking, and when. */
  remedied: z.array(Iso),
  alerts: z.array(Alert),
  /** `source/fingerprint` of those that fire beyond the alerts that are kept whole. */
  over: z.array(z.string()),
  /** Channels of the file in which it was told; an empty name stands for the ops channels. */
  told: z.array(z.string()),
  /** How grave the newest message said that it is. */
  toldSeverity: Severity.exactOptional(),
  /** Those of the message before the newest. */
  toldBefore: z.array(z.string()).exactOptional(),
  /** How many messages it has had: a new one is seen, an edited one is not. */
  posts: z.int(),
  /** Of the newest. */
  postedAt: Iso.exactOptional(),
  history: z.array(HistoryLine),
  /** Older lines that are not kept. */
  dropped: z.int(),
})
export type KeptIncident = z.infer<typeof KeptIncident>

/** One problem, from when it was first told until it is over. Everything of it that a restart must find again. */
export type Incident = Omit<KeptIncident, 'over'> & { readonly over: Names }

/** While it is on, nobody is told of what it covers, and the backups of that wait. */
export const Maintenance = z.object({
  id: z.string(),
  /** Names as they were typed: services, guests, `@stack`, `@all`. */
  what: z.array(z.string()),
  vmids: z.array(z.int()),
  services: z.array(z.string()),
  /** It covers all of the lab. */
  all: z.boolean(),
  why: z.string().exactOptional(),
  by: Person,
  from: Iso,
  until: Iso,
  /** Schedules that it holds. */
  schedules: z.array(z.string()),
  /** Incidents that it held back. */
  incidents: z.array(z.string()),
})
export type Maintenance = z.infer<typeof Maintenance>
