/** Whether a host is who it was: a pinned fingerprint, or OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { ServerHostKeyAlgorithm } from 'ssh2'

/** `fingerprint` as `ssh-keygen -lf` prints it; `knownHosts` is the file's text. */
export type HostKey = { readonly fingerprint: string } | { readonly knownHosts: string }

type Trust = 'trusted' | 'changed' | 'unknown' | 'revoked'

/** A kind of key and the signature algorithms that it serves, the preferred one first. */
const families: readonly (readonly [type: string, algorithms: readonly ServerHostKeyAlgorithm[]])[] = [
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']],
]

export const fingerprintOf = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

/** The type's name is the first string of the key: four bytes of length, then the text. */
export function keyType(key: Buffer): string {
  return key.length < 4 ? '' : key.toString('latin1', 4, 4 + Math.min(key.readUInt32BE(0), 64))
}

/**
 * The host key algorithms to offer, known kinds first as OpenSSH does: a server shows one key only,
 * and it must be the one that we can check.
 * @param turnedAway kinds that were seen and are not the pinned one
 */
export function hostKeyAlgorithms(
  known: ReadonlySet<string>,
  turnedAway: ReadonlySet<string> = new Set(),
): ServerHostKeyAlgorithm[] {
  const left = families.filter(([type]) => !turnedAway.has(type))
  const sorted = [...left.filter(([type]) => known.has(type)), ...left.filter(([type]) => !known.has(type))]
  return sorted.flatMap(([, algorithms]) => algorithms)
}

interface KnownHost {
  readonly marker: string | undefined
  readonly matches: (name: string) => boolean
  readonly type: string
  readonly key: Buffer
}

function parseKnownHosts(text: string): readonly KnownHost[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const words = line.trim().split(/\s+/)
    if (words[0] === '' || words[0]?.startsWith('#')) return []
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined
    const [hosts, type, key] = words
    if (!hosts || !type || !key) return []
    return [{ marker, matches: hostMatcher(hosts), type, key: Buffer.from(key, 'base64') }]
  })
}

function hostMatcher(hosts: string): (name: string) => boolean {
  if (hosts.startsWith('|1|')) {
    const [, , salt = '', hash = ''] = hosts.split('|')
    const wanted = Buffer.from(hash, 'base64')
    return (name) => {
      const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
      return actual.length === wanted.length && timingSafeEqual(actual, wanted)
    }
  }
  const patterns = hosts.split(',').map((pattern) => {
    const negated = pattern.startsWith('!')
    return { negated, test: wildcard(negated ? pattern.slice(1) : pattern) }
  })
  return (name) => {
    const hits = patterns.filter(({ test }) => test.test(name))
    return hits.length > 0 && hits.every(({ negated }) => !negated)
  }
}

function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'i')
}

export interface HostKeys {
  /** Kinds of key that are known for this host. */
  readonly types: ReadonlySet<string>
  judge(key: Buffer): Trust
}

/** What is known of one host. Certificates (`@cert-authority`) are not understood and count as nothing. */
export function hostKeysFor(trusted: HostKey, host: string, port: number): HostKeys {
  if ('fingerprint' in trusted) {
    // ssh-keygen prints `SHA256:…` without padding; people paste it with, and without the prefix.
    const pinned = `SHA256:${trusted.fingerprint
      .trim()
      .replace(/^SHA256:/i, '')
      .replace(/=+$/, '')}`
    return { types: new Set(), judge: (key) => (fingerprintOf(key) === pinned ? 'trusted' : 'changed') }
  }
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
  const lines = parseKnownHosts(trusted.knownHosts).filter((line) => line.matches(name))
  const good = lines.filter((line) => line.marker === undefined)
  return {
    types: new Set(good.map((line) => line.type)),
    judge(key) {
      if (lines.some((line) => line.marker === '@revoked' && line.key.equals(key))) return 'revoked'
      if (good.some((line) => line.key.equals(key))) return 'trusted'
      return good.length > 0 ? 'changed' : 'unknown'
    },
  }
}
