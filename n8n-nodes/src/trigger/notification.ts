/** Notifications of Proxmox VE 8.3 and later, as its webhook target sends them with the body of core. */
import { HomelabError } from '@homelab/core'
import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow'
import { printOf } from './digest.ts'
import { receive } from './receive.ts'
import { words } from './settings.ts'

/** Bytes of a body. A notification has the log of a backup job in it, some hundred kilobytes at most. */
const MAX_BODY_BYTES = 1024 * 1024
/** Prints that a workflow remembers. */
const PRINTS = 500
/** Characters of a message that a workflow gets. */
const MAX_MESSAGE = 100_000

const severities = ['info', 'notice', 'warning', 'error', 'unknown'] as const

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

/** Undefined for what was not sent with that body. */
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

interface Filter {
  /** Empty: all. */
  readonly severities: readonly string[]
  readonly types: readonly string[]
}

export const passes = ({ severity, type }: Notification, { severities: wanted, types }: Filter): boolean =>
  (wanted.length === 0 || wanted.includes(severity)) &&
  (types.length === 0 || types.includes((type ?? '').toLowerCase()))

/** The same notification has the same print, also when it is delivered again or by two targets. */
export function printOfNotification(notification: Notification): Promise<string> {
  const { timestamp, severity, title, message, fields } = notification
  const sorted = Object.entries(fields).toSorted(([a], [b]) => a.localeCompare(b))
  return printOf(timestamp, severity, title, message, sorted)
}

/** @throws HomelabError `usage` for what was not sent with the body of Proxmox */
export function receiveNotification(context: IWebhookFunctions): Promise<IWebhookResponseData> {
  return receive(context, {
    maxBytes: MAX_BODY_BYTES,
    most: PRINTS,
    async read(body) {
      const notification = readNotification(body)
      if (notification === undefined) {
        throw new HomelabError('usage', 'This is not what the body of the node makes.', {
          hint: 'Copy it into the target in Proxmox once more.',
        })
      }
      if (!passes(notification, filterOf(context))) return []
      return [{ item: { ...notification }, print: await printOfNotification(notification) }]
    },
  })
}

function filterOf(context: IWebhookFunctions): Filter {
  const options = context.getNodeParameter('options', {}) as IDataObject
  const wanted = (options.severities ?? []) as readonly string[]
  return {
    severities: wanted.filter((each) => severities.some((known) => known === each)),
    types: words(options.types),
  }
}
