/** The secret that a sender shows with each message: who may start the workflow. */
import type { INodeCredentialTestResult } from 'n8n-workflow'
import { sha256 } from './digest.ts'

/** Characters: it is all that keeps strangers from starting the workflow. */
export const MIN_SECRET_CHARS = 16

/** The credential has no server to ask: what can be said of it is whether it could be guessed. */
export function judgeSecret(secret: unknown): INodeCredentialTestResult {
  const length = String(secret ?? '').trim().length
  return length < MIN_SECRET_CHARS
    ? {
        status: 'Error',
        message: `It has ${length} characters and needs at least ${MIN_SECRET_CHARS}: openssl rand -hex 24`,
      }
    : { status: 'OK', message: 'Put the same secret where the messages are sent from' }
}

/** For senders that can set a header of any name. */
export const secretHeader = 'X-Homelab-Secret'

/**
 * As a header of its own, as a bearer token, or as the password of a login whose name does not matter.
 * @param headers names in lower case
 */
export function shownSecret(headers: Readonly<Record<string, unknown>>): string {
  const own = headers[secretHeader.toLowerCase()]
  if (typeof own === 'string') return own
  const { authorization } = headers
  const [, scheme = '', value = ''] = /^(\S+) +(.*)$/.exec(String(authorization ?? '').trim()) ?? []
  if (scheme.toLowerCase() === 'bearer') return value.trim()
  if (scheme.toLowerCase() !== 'basic') return ''
  const login = Buffer.from(value, 'base64').toString('utf8')
  return login.includes(':') ? login.slice(login.indexOf(':') + 1) : ''
}

/** Takes the same time whatever differs, and does not tell the lengths apart. */
export async function sameSecret(given: string, expected: string): Promise<boolean> {
  const [a, b] = await Promise.all([sha256(given), sha256(expected)])
  let difference = 0
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0)
  return difference === 0 && expected !== ''
}
