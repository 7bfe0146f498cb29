/** Notifications of Proxmox VE 8.3 and later, as its webhook target sends them with the template of this page. */
import type { IDataObject } from 'n8n-workflow'

/**
 * What has to be the body of the target. `escape` and `json` are Proxmox's own helpers.
 * The timestamp is in seconds since the epoch.
 */
export const bodyTemplate = [
  '{',
  '  "title": "{{ escape title }}",',
  '  "message": "{{ escape message }}",',
  '  "severity": "{{ severity }}",',
  '  "timestamp": {{ timestamp }},',
  '  "fields": {{ json fields }}',
  '}',
].join('\n')

/** Of the header that has the secret. */
export const secretHeader = 'X-Homelab-Secret'

/** Bytes of a body. A notification has the log of a backup job in it, some hundred kilobytes at most. */
export const maxBodyBytes = 1024 * 1024
/** Characters of a message that a workflow gets. */
const MAX_MESSAGE = 100_000

export const severities = ['info', 'notice', 'warning', 'error', 'unknown'] as const

export interface Notification {
  readonly title: string
  readonly message: string
  readonly severity: string
  /** ISO 8601. */
  readonly timestamp: string
  /** `vzdump`, `fencing`, `replication`, `package-updates`, `system-mail`. */
  readonly type?: string
  readonly hostname?: string
  readonly fields: Readonly<Record<string, string>>
}

/** Undefined for what was not sent with the template. */
export function readNotification(body: unknown): Notification | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { title, message, severity, timestamp, fields } = body as IDataObject
  if (typeof title !== 'string' || typeof message !== 'string' || typeof severity !== 'string')
    return undefined
  const seconds = Number(timestamp)
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 1e11) return undefined
  const metadata = textsOf(fields)
  const { type, hostname } = metadata
  return {
    title,
    message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message,
    severity,
    timestamp: new Date(seconds * 1000).toISOString(),
    ...(type === undefined ? {} : { type }),
    ...(hostname === undefined ? {} : { hostname }),
    fields: metadata,
  }
}

const textsOf = (fields: unknown): Record<string, string> =>
  typeof fields === 'object' && fields !== null && !Array.isArray(fields)
    ? Object.fromEntries(
        Object.entries(fields)
          .slice(0, 100)
          .map(([name, value]) => [name, String(value)]),
      )
    : {}

export interface Filter {
  /** Empty: all. */
  readonly severities: readonly string[]
  readonly types: readonly string[]
}

export const passes = ({ severity, type }: Notification, { severities: wanted, types }: Filter): boolean =>
  (wanted.length === 0 || wanted.includes(severity)) &&
  (types.length === 0 || types.includes((type ?? '').toLowerCase()))

/** Takes the same time whatever differs, and does not tell the lengths apart. */
export async function sameSecret(given: string, expected: string): Promise<boolean> {
  const [a, b] = await Promise.all([digest(given), digest(expected)])
  let difference = 0
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0)
  return difference === 0 && expected !== ''
}

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))

/** The same notification has the same print, also when it is delivered again or by two targets. */
export async function printOf(notification: Notification): Promise<string> {
  const { timestamp, severity, title, message, fields } = notification
  const sorted = Object.entries(fields).toSorted(([a], [b]) => a.localeCompare(b))
  const bytes = await digest(JSON.stringify([timestamp, severity, title, message, sorted]))
  return [...bytes.slice(0, 12)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Prints that a workflow remembers, the newest first. */
const PRINTS = 500

/** Undefined when it was seen already. */
export const remembered = (prints: readonly string[], print: string): readonly string[] | undefined =>
  prints.includes(print) ? undefined : [print, ...prints].slice(0, PRINTS)
