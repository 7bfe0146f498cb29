/** What the formats have in common: texts that can be shown, links that can be followed, times that can be. */
import { HomelabError } from '../../errors.ts'
import type { Alert, Severity } from '../types.ts'

const MAX_LABELS = 60
const MAX_LABEL_NAME = 100
const MAX_LABEL_VALUE = 300
const MAX_TITLE = 200
const MAX_TEXT = 2_000
const MAX_FINGERPRINT = 200
const MAX_LINK = 2_000

// Control characters, and those that turn or hide what stands beside them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

function cut(text: string, most: number): string {
  if (text.length <= most) return text
  // A pair of surrogates is not torn apart.
  const end = /[\ud800-\udbff]$/.test(text.slice(0, most - 1)) ? most - 2 : most - 1
  return `${text.slice(0, end)}…`
}

/** Far more than is shown is not even looked at: a label may have megabytes. */
const some = (text: string, most: number): string => text.slice(0, most * 4).toWellFormed()

/** Most texts are: that is seen sooner than they are cleaned. */
const isPlain = (text: string): boolean => /^[!-~]+(?: [!-~]+)*$/.test(text)

export const line = (text: string, most = MAX_TITLE): string =>
  text.length <= most && isPlain(text)
    ? text
    : cut(some(text, most).replaceAll(unseen, ' ').replaceAll(/\s+/g, ' ').trim(), most)

export const paragraph = (text: string, most = MAX_TEXT): string =>
  cut(some(text, most).replaceAll('\r\n', '\n').replaceAll(unseen, ' ').trim(), most)

/** `{ text }`, or nothing when there is none. */
export function textOf(...parts: readonly (string | undefined)[]): Pick<Alert, 'text'> {
  const text = paragraph(parts.filter((part) => part !== undefined && part.trim() !== '').join('\n'))
  return text === '' ? {} : { text }
}

export const fingerprintOf = (text: string): string => line(text, MAX_FINGERPRINT)

/** Numbers and truths become text; what has parts of its own is left out. */
export function labelsOf(labels: Readonly<Record<string, unknown>>): Record<string, string> {
  const kept: [string, string][] = []
  for (const [name, value] of Object.entries(labels)) {
    if (kept.length === MAX_LABELS) break
    const plain =
      typeof value === 'string'
        ? value
        : typeof value === 'number' || typeof value === 'boolean'
          ? String(value)
          : ''
    const [key, text] = [line(name, MAX_LABEL_NAME), line(plain, MAX_LABEL_VALUE)]
    if (key !== '' && key !== '__proto__' && text !== '') kept.push([key, text])
  }
  return Object.fromEntries(kept)
}

/** Undefined for what is no http(s) address. A name and a password in it are taken out. */
export function linkOf(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > MAX_LINK || !/^https?:\/\//i.test(text)) return undefined
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    url.username = ''
    url.password = ''
  }
  return url.href
}

const FIRST_YEAR = 2000

/** Undefined for what is no time, or is one that stands for none, as `0001-01-01`. */
export function timeOf(text: unknown): Date | undefined {
  if (typeof text !== 'string' || text.length > 64) return undefined
  const time = new Date(text)
  return Number.isNaN(time.getTime()) || time.getUTCFullYear() < FIRST_YEAR ? undefined : time
}

/** Nothing begins or ends later than it is told, whatever the clock over there says, and nothing ends before it begins. */
export function timesOf(
  told: { readonly status: Alert['status']; readonly startsAt: unknown; readonly endsAt?: unknown },
  now: Date,
): Pick<Alert, 'startsAt' | 'endsAt'> {
  const past = (text: unknown) => Math.min(timeOf(text)?.getTime() ?? now.getTime(), now.getTime())
  const end = past(told.endsAt)
  const begun = past(told.startsAt)
  if (told.status === 'firing') return { startsAt: new Date(begun).toISOString() }
  const start = timeOf(told.startsAt) === undefined ? Math.min(begun, end) : begun
  return { startsAt: new Date(start).toISOString(), endsAt: new Date(Math.max(start, end)).toISOString() }
}

const severityNames: readonly (readonly [Severity, readonly string[]])[] = [
  [
    'critical',
    'critical crit page error err high fatal emergency alert disaster severe major p0 p1 sev1'.split(' '),
  ],
  ['warning', 'warning warn medium moderate average minor p2 sev2'.split(' ')],
  ['info', 'info information informational none low notice debug ok p3 p4 p5 sev3'.split(' ')],
]

/** What the world calls it, in our words; a warning when it says nothing that is known. */
export function severityOf(text: unknown, otherwise: Severity = 'warning'): Severity {
  if (typeof text !== 'string') return otherwise
  const name = text.trim().toLowerCase()
  return severityNames.find(([, names]) => names.includes(name))?.[0] ?? otherwise
}

/** 16 hexadecimal digits, for telling things apart: nothing is proved by them. */
export function hash(text: string): string {
  let [a, b] = [0x811c9dc5, 0x9747b28c]
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13)
  }
  return [a, b].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('')
}

export const hashOfLabels = (labels: Readonly<Record<string, string>>): string =>
  hash(JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))))

/** Something about the telling itself, such as that a part of it is missing. */
export const note = (
  source: string,
  told: { readonly name: string; readonly key: string; readonly title: string; readonly text: string },
  now: Date,
): Alert => ({
  source,
  fingerprint: `${told.name}/${hash(told.key)}`,
  status: 'firing',
  name: told.name,
  severity: 'info',
  title: told.title,
  text: told.text,
  labels: {},
  startsAt: now.toISOString(),
  once: true,
})

/** It can never be right, however often it is sent. */
export const malformed = (what: string, hint: string): HomelabError =>
  new HomelabError('usage', `${what}.`, { hint })

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Refuses one alert of a message. */
export class Unreadable extends Error {}

/**
 * Reads one alert after the other. One that cannot be read takes none of the others with it: a note says so.
 * @param read throws Unreadable
 * @throws HomelabError `usage` when none can be read
 */
export function readEach(
  list: readonly unknown[],
  read: (entry: Readonly<Record<string, unknown>>) => Alert,
  told: { readonly source: string; readonly hint: string; readonly path: string },
  now: Date,
): Alert[] {
  const alerts: Alert[] = []
  const problems: string[] = []
  for (const [index, entry] of list.entries()) {
    const at = told.path === '' ? '' : `${told.path}[${index}]`
    if (!isObject(entry)) {
      problems.push(at === '' ? 'it must be an object' : `${at} must be an object`)
      continue
    }
    try {
      alerts.push(read(entry))
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      problems.push(at === '' ? error.message : `${at}: ${error.message}`)
    }
  }
  const [first] = problems
  if (first === undefined) return alerts
  if (alerts.length === 0) throw malformed(`This is no alert: ${first}`, told.hint)
  const title =
    problems.length === 1 ? '1 alert could not be read' : `${problems.length} alerts could not be read`
  return [
    ...alerts,
    note(
      told.source,
      { name: 'Unreadable', key: first, title, text: paragraph(`${first}. ${told.hint}`) },
      now,
    ),
  ]
}
