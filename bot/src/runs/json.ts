/** What is kept of a result: plain, clean, bounded JSON, and the same on every replay. */
import { createHash } from 'node:crypto'
import { type ErrorData, HomelabError, type Json } from '@homelab/core'

const maxBytes = 1024 * 1024

/** Without NUL and lone surrogates, which no chat platform and not every database takes. */
export const cleanText = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD')

/**
 * The text to store. `undefined` becomes null, a BigInt its digits.
 * @param what names the value in the error: `the result of "look"`
 * @throws HomelabError `failed` when it is over 1 MiB
 */
export function packJson(value: unknown, what: string): string {
  const text =
    JSON.stringify(value, (_key, item: unknown) => {
      if (typeof item === 'string') return cleanText(item)
      return typeof item === 'bigint' ? item.toString() : item
    }) ?? 'null'
  const bytes = Buffer.byteLength(text)
  if (bytes <= maxBytes) return text
  throw new HomelabError('failed', `${what} is ${bytes} bytes long; at most ${maxBytes} can be kept.`, {
    hint: 'Ask for less, or for a file.',
    data: { bytes, maxBytes },
  })
}

/** An error is always kept: when its data is too long or no JSON, without that. */
export function packError(error: ErrorData): string {
  try {
    return packJson(error, 'The error')
  } catch {
    const { code, message } = error
    return packJson({ code, message: message.slice(0, 4_000) }, 'The error')
  }
}

export const unpackJson = (text: string): Json => JSON.parse(text) as Json

/** The same for equal values, whatever the order of their keys. */
export function digest(value: unknown): string {
  return createHash('sha256').update(stable(value)).digest('base64url')
}

function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, item]) => `${JSON.stringify(key)}:${stable(item)}`).join(',')}}`
}
