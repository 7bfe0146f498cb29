/** Why a connection could not be made, and what to do. */
import { HomelabError, isHomelabError, TransportError } from '@homelab/core'

const known: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ECONNREFUSED: ['refused the connection', 'Is sshd running there, and on this port?'],
  ENOTFOUND: [
    'has a name that cannot be resolved',
    'Check "Host" of the SSH credential, or use its address.',
  ],
  EAI_AGAIN: ['has a name that cannot be resolved now', 'Is the name server reachable from n8n?'],
  EHOSTUNREACH: ['cannot be reached', 'Is the machine on, and in a network that n8n reaches?'],
  ENETUNREACH: ['is in a network that cannot be reached', 'Is the network up?'],
  ETIMEDOUT: ['did not answer', 'Is the machine on, and does a firewall let SSH through?'],
}

interface SshError {
  readonly level?: unknown
  readonly code?: unknown
  readonly name?: unknown
  readonly message?: unknown
}

/** Nothing was sent by then but the log-in. */
export function connectError(host: string, error: unknown): HomelabError {
  if (isHomelabError(error)) return error
  const { level, code, name, message } = (error ?? {}) as SshError
  if (level === 'client-authentication') {
    return new HomelabError('unauthorised', `${host} does not let this user in with this key or password`, {
      hint: 'The public key belongs into ~/.ssh/authorized_keys of that user on the host.',
      cause: error,
    })
  }
  if (name === 'TimeoutError' || level === 'client-timeout') {
    return new TransportError(`${host} did not answer in time`, false, {
      hint: 'Is the machine on, and does a firewall let SSH through?',
      cause: error,
    })
  }
  const [what, hint] = known[String(code)] ?? []
  if (what !== undefined)
    return new TransportError(`${host} ${what}`, false, { hint: hint ?? '', cause: error })
  if (/key|passphrase|decrypt/i.test(String(message))) {
    return new HomelabError('config', `The private key of the SSH credential cannot be used: ${message}`, {
      hint: 'It must be a private key in OpenSSH or PEM form; check its passphrase.',
      cause: error,
    })
  }
  return new TransportError(`${host} could not be connected to: ${message}`, false, {
    hint: 'Try ssh -v to the same host from where n8n runs.',
    cause: error,
  })
}
