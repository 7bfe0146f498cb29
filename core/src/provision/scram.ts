/**
 * A password as PostgreSQL keeps it: SCRAM-SHA-256 (RFC 5802, RFC 7677). It is made here, so that the password itself reaches
 * neither a statement nor the log of the server.
 */
import { HomelabError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { toBase64 } from '../tunnel/base64.ts'

const ITERATIONS = 4096
const SALT_BYTES = 16
const LENGTH = 32
/** Nothing that a URL, a shell or a file of settings reads as anything else. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** 32 letters and digits, 190 bits. */
export function newPassword(): Secret {
  let text = ''
  while (text.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH * 2))) {
      // Those above would make the first letters likelier than the others.
      if (byte < 4 * LETTERS.length && text.length < LENGTH) text += LETTERS[byte % LETTERS.length]
    }
  }
  return new Secret(text)
}

/**
 * `SCRAM-SHA-256$4096:…`, for ALTER ROLE … PASSWORD.
 * @throws HomelabError `usage` for a password that is empty or not of ASCII: others are rewritten by rules of Unicode first
 */
export async function scramVerifier(
  password: Secret,
  salt: Uint8Array = crypto.getRandomValues(new Uint8Array(SALT_BYTES)),
): Promise<Secret> {
  const text = password.reveal()
  if (!/^\p{ASCII}+$/u.test(text) || text.includes('\0'))
    throw new HomelabError(
      'usage',
      'A password of PostgreSQL may hold letters, digits and signs of ASCII only.',
    )
  const encoder = new TextEncoder()
  const base = await crypto.subtle.importKey('raw', encoder.encode(text), 'PBKDF2', false, ['deriveBits'])
  const salted = await crypto.subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: ITERATIONS },
    base,
    256,
  )
  const key = await crypto.subtle.importKey(
    'raw',
    new Uint8Array(salted),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  )
  const signed = async (words: string) =>
    new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(words)))
  const stored = new Uint8Array(await crypto.subtle.digest('SHA-256', await signed('Client Key')))
  const server = await signed('Server Key')
  return new Secret(`SCRAM-SHA-256$${ITERATIONS}:${toBase64(salt)}$${toBase64(stored)}:${toBase64(server)}`)
}
