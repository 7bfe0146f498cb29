/**
 * Whether a host is who it was. n8n's own SSH client takes any host key while it connects, so a pinned one is checked right
 * after: the keys are exchanged once more, and the host must sign that with its key. Nothing was sent to it by then but the
 * log-in: with a key that gives nothing away, with a password it does.
 */
import { createHash } from 'node:crypto'
import { HomelabError } from '@homelab/core'
import type { Client } from 'ssh2'

/** What ssh2 keeps for itself of a connection; looked for, never relied on. */
interface Protocol {
  rekey(): void
  _hostVerifier?: (key: Buffer) => boolean
}

const fingerprintOf = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`

/** The type's name is the first string of the key: four bytes of length, then the text. */
const typeOf = (key: Buffer): string =>
  key.length < 4 ? '' : key.toString('latin1', 4, 4 + Math.min(key.readUInt32BE(0), 64))

/**
 * @param text `SHA256:…` as `ssh-keygen -lf` prints it, or the key's public line
 * @returns a fingerprint
 * @throws HomelabError `config` when it is neither: it would be no check at all
 */
export function pinnedKey(text: string): string {
  const [, print] = /(?:^|\s)SHA256:([A-Za-z0-9+/]{43})=?(?:\s|$)/.exec(text) ?? []
  if (print !== undefined) return `SHA256:${print}`
  const [, line] = /(?:^|\s)(?:ssh-\S+|ecdsa-\S+) ([A-Za-z0-9+/]{40,}={0,2})(?:\s|$)/.exec(text) ?? []
  if (line !== undefined) return fingerprintOf(Buffer.from(line, 'base64'))
  throw new HomelabError('config', 'The "Host Key" of the SSH credential is not a host key', {
    hint: 'On the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub. Paste what it prints.',
  })
}

/**
 * @param pinned see `pinnedKey`
 * @throws HomelabError `untrusted` when it shows another key, or when nobody can say which
 */
export async function verifyHostKey(client: Client, pinned: string, host: string): Promise<void> {
  const protocol = protocolOf(client)
  if (protocol === undefined) throw unverifiable(host)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let shown: Buffer | undefined
  protocol._hostVerifier = (key) => {
    shown = key
    return fingerprintOf(key) === pinned
  }
  const onHandshake = (): void => {
    // One that was under way when we came: ours is the next.
    if (shown === undefined) protocol.rekey()
    else resolve()
  }
  const onEnd = (): void => reject(shown === undefined ? unverifiable(host) : otherKey(shown, host))
  client.on('handshake', onHandshake)
  client.on('error', onEnd)
  client.on('close', onEnd)
  try {
    protocol.rekey()
    await promise
  } finally {
    client.off('handshake', onHandshake)
    client.off('error', onEnd)
    client.off('close', onEnd)
  }
}

function protocolOf(client: Client): Protocol | undefined {
  const { _protocol: protocol } = client as unknown as { readonly _protocol?: Partial<Protocol> }
  return typeof protocol?.rekey === 'function' && '_hostVerifier' in protocol
    ? (protocol as Protocol)
    : undefined
}

const unverifiable = (host: string): HomelabError =>
  new HomelabError('untrusted', `The host key of ${host} could not be checked. No command was sent.`, {
    hint: 'This version of n8n gives no way to. Without "Host Key" in the credential any host is taken for it.',
  })

function otherKey(key: Buffer, host: string): HomelabError {
  const fingerprint = fingerprintOf(key)
  return new HomelabError(
    'untrusted',
    `${host} IS NOT THE HOST EXPECTED: it shows the key ${typeOf(key)} ${fingerprint}. No command was sent.`,
    {
      hint: `Another machine may be posing as it. On the host itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub. Only if that is the same, put it into "Host Key" of the credential: ${fingerprint}`,
      data: { fingerprint },
    },
  )
}
