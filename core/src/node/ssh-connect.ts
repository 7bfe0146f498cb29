/** One authenticated connection to one host, or an error that a person can act on. */
import { Client, type ConnectConfig } from 'ssh2'
import { HomelabError, TransportError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { fingerprintOf, type HostKey, hostKeyAlgorithms, hostKeysFor, keyType } from './ssh-host-keys.ts'

export interface SshHost {
  readonly host: string
  /** Default 22. */
  readonly port?: number
  readonly user: string
  readonly auth: {
    /** PEM or OpenSSH text. */
    readonly privateKey?: Secret
    readonly passphrase?: Secret
    /** Path of an agent's socket. */
    readonly agent?: string
    readonly password?: Secret
  }
  readonly hostKey: HostKey
}

export interface ConnectOptions {
  /** Milliseconds for TCP, key exchange and login together. */
  readonly timeoutMs: number
  readonly keepaliveMs: number
}

/** A host has at most three kinds of keys that we know; one more for the unexpected. */
const maxKinds = 4

/**
 * Connects and logs in. With a fingerprint the kind of its key is not known beforehand, so a host that
 * shows another of its keys is asked for the remaining kinds before it is turned away.
 * @throws HomelabError `untrusted`, `unauthorised`, `config`; TransportError when nothing answers
 */
export async function connect(node: string, target: SshHost, options: ConnectOptions): Promise<Client> {
  const turnedAway = new Set<string>()
  let firstError: unknown
  for (let attempt = 0; attempt < maxKinds; attempt += 1) {
    try {
      return await connectOnce(node, target, turnedAway, options)
    } catch (error) {
      firstError ??= error
      const seen = error instanceof HomelabError && error.code === 'untrusted' ? error.data?.type : undefined
      if (!('fingerprint' in target.hostKey) || typeof seen !== 'string' || turnedAway.has(seen))
        throw firstError
      turnedAway.add(seen)
    }
  }
  throw firstError
}

function connectOnce(
  node: string,
  target: SshHost,
  turnedAway: ReadonlySet<string>,
  options: ConnectOptions,
): Promise<Client> {
  const { promise, resolve, reject } = Promise.withResolvers<Client>()
  const client = new Client()
  const keys = hostKeysFor(target.hostKey, target.host, target.port ?? 22)
  let refused: HomelabError | undefined
  let agentError: string | undefined

  client.on('connect', () => client.setNoDelay(true))
  client.once('ready', () => resolve(client))
  client.on('error', (error: Error & { level?: string }) => {
    // The agent is only one of the ways to log in: the others are still tried.
    if (error.level === 'agent') agentError = error.message
    else reject(refused ?? connectError(node, target, error, agentError))
  })
  client.once('close', () =>
    reject(refused ?? new TransportError(`${where(node, target)} closed the connection`, false)),
  )

  try {
    client.connect({
      host: target.host,
      port: target.port ?? 22,
      username: target.user,
      readyTimeout: options.timeoutMs,
      keepaliveInterval: options.keepaliveMs,
      keepaliveCountMax: 3,
      algorithms: { serverHostKey: hostKeyAlgorithms(keys.types, turnedAway) },
      hostVerifier: (key: Buffer) => {
        const trust = keys.judge(key)
        if (trust !== 'trusted') refused = untrusted(node, target, key, trust)
        return trust === 'trusted'
      },
      ...credentials(node, target.auth),
    })
  } catch (error) {
    client.destroy()
    reject(error instanceof HomelabError ? error : badKey(node, error))
  }
  promise.catch(() => client.destroy())
  return promise
}

function credentials(node: string, auth: SshHost['auth']): ConnectConfig {
  if (!auth.privateKey && !auth.agent && !auth.password) {
    throw new HomelabError('config', `there is no key, agent or password to log in to ${node}`, {
      hint: `Give one under proxmox.ssh.${node} in homelab.yaml.`,
    })
  }
  return {
    ...(auth.privateKey ? { privateKey: auth.privateKey.reveal() } : {}),
    ...(auth.passphrase ? { passphrase: auth.passphrase.reveal() } : {}),
    ...(auth.agent ? { agent: auth.agent } : {}),
    ...(auth.password ? { password: auth.password.reveal() } : {}),
  }
}

const where = (node: string, { host, port = 22 }: SshHost): string => `${node} (SSH ${host}:${port})`

/** ssh2 throws while it reads the key; its texts hold no part of it. */
function badKey(node: string, error: unknown): HomelabError {
  const said = error instanceof Error ? error.message : String(error)
  const passphrase = /passphrase|integrity check|decrypt/i.test(said)
  return new HomelabError('config', `the SSH key for ${node} cannot be used: ${said}`, {
    hint: passphrase
      ? 'Check its passphrase in homelab.yaml.'
      : 'It must be a private key in OpenSSH or PEM form, such as ~/.ssh/id_ed25519.',
    cause: error,
  })
}

function untrusted(
  node: string,
  target: SshHost,
  key: Buffer,
  trust: 'changed' | 'unknown' | 'revoked',
): HomelabError {
  const { host, port = 22 } = target
  const fingerprint = fingerprintOf(key)
  const type = keyType(key)
  const data = { node, host, port, fingerprint, type, trust }
  const compare = `Compare it on the host itself (ssh-keygen -lf /etc/ssh/ssh_host_${shortType(type)}_key.pub)`
  const line = `fingerprint: ${fingerprint}`
  if (trust === 'unknown') {
    return new HomelabError(
      'untrusted',
      `the host key of ${where(node, target)} is not known: ${type} ${fingerprint}`,
      {
        hint: `${compare}, then add this line under proxmox.ssh.${node} in homelab.yaml: ${line}`,
        data,
      },
    )
  }
  if (trust === 'revoked') {
    return new HomelabError(
      'untrusted',
      `${where(node, target)} shows a REVOKED host key: ${type} ${fingerprint}`,
      {
        hint: 'Do not connect: whoever holds this key may pose as the host. Give the host a new key.',
        data,
      },
    )
  }
  return new HomelabError(
    'untrusted',
    `the host key of ${where(node, target)} IS NOT THE ONE EXPECTED: it shows ${type} ${fingerprint}`,
    {
      hint: `Another machine may be posing as it. ${compare}; only if that is the same, set under proxmox.ssh.${node} in homelab.yaml: ${line}`,
      data,
    },
  )
}

const shortType = (type: string): string =>
  type.startsWith('ecdsa') ? 'ecdsa' : type === 'ssh-rsa' ? 'rsa' : type.replace(/^ssh-/, '')

function connectError(
  node: string,
  target: SshHost,
  error: Error & { level?: string; code?: string },
  agentError: string | undefined,
): HomelabError {
  const place = where(node, target)
  if (error.level === 'client-authentication') {
    const { auth, user } = target
    const tried = [auth.privateKey && 'key', auth.agent && 'agent', auth.password && 'password'].filter(
      Boolean,
    )
    const agent = agentError === undefined ? '' : ` The agent failed: ${agentError}.`
    return new HomelabError('unauthorised', `${place} refused to let ${user} in by ${tried.join(' or ')}`, {
      hint: `Add the public key to ~${user}/.ssh/authorized_keys on ${node}, or check the password.${agent}`,
      data: { node, host: target.host, user },
      cause: error,
    })
  }
  const known: Record<string, readonly [what: string, hint: string]> = {
    ECONNREFUSED: ['refused the connection', 'Is sshd running there, and on this port?'],
    ENOTFOUND: [
      'has a name that cannot be resolved',
      'Check its host under proxmox.ssh in homelab.yaml, or use its address.',
    ],
    EAI_AGAIN: ['has a name that cannot be resolved now', 'Is the name server reachable?'],
    EHOSTUNREACH: ['cannot be reached', 'Is the machine on, and in this network?'],
    ENETUNREACH: ['is in a network that cannot be reached', 'Is the network up?'],
    ETIMEDOUT: ['did not answer', 'Is the machine on, and does a firewall let SSH through?'],
  }
  const [what, hint] =
    error.level === 'client-timeout'
      ? ['did not answer in time', 'Is the machine on, and does a firewall let SSH through?']
      : (known[error.code ?? ''] ?? [
          `could not be connected to: ${error.message}`,
          'Try ssh -v to the same host.',
        ])
  return new TransportError(`${place} ${what}`, false, {
    hint,
    data: { node, host: target.host },
    cause: error,
  })
}
