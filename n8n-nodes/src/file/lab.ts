/** A lab out of homelab.yaml in a credential: what operations need, made of n8n's helpers. Nothing is kept between executions. */

import type { Http, Proxmox } from '@homelab/core'
import { HomelabError, Secret, type Services, type Shell, type Target, TransportError } from '@homelab/core'
import { createHealth } from '@homelab/core/health'
import {
  createLab,
  type Inventory,
  parseInventory,
  type SecretRef,
  type SshEntry,
  type TextSource,
} from '@homelab/core/inventory'
import { createMonitoring, createPrometheus } from '@homelab/core/monitoring'
import { createProxmox, type ProxmoxAuth } from '@homelab/core/proxmox'
import { createShells } from '@homelab/core/shell'
import type { RequestHelperFunctions, SSHTunnelFunctions } from 'n8n-workflow'
import { n8nClock } from '../clock.ts'
import { createHttpOver } from '../http.ts'
import type { Rights } from '../rights.ts'
import type { SshCredential } from '../ssh/credential.ts'
import { createSshShell } from '../ssh/shell.ts'

/** The fields of the Homelab File credential. */
export interface FileCredential extends Rights {
  readonly file: string
  /** What the references of the file stand for, by their names. */
  readonly references?: {
    readonly values?: readonly { readonly name?: string; readonly value?: string }[]
  }
  readonly ignoreSslIssues?: boolean
}

interface Context {
  readonly helpers: RequestHelperFunctions & SSHTunnelFunctions
}

/** What a lab of a file gives an operation. What a bot keeps (runs, schedules, the audit log) is not among it. */
export const fileNeeds = ['lab', 'proxmox', 'health', 'shells', 'clock', 'secrets', 'monitoring'] as const
export type FileServices = Pick<Services, (typeof fileNeeds)[number]>

export interface SecretList {
  resolve(ref: SecretRef): Promise<Secret>
  /** @throws HomelabError `config` when the credential has none of this name */
  secret(ref: SecretRef): Secret
  text(source: TextSource): string
}

/** `env:NAME`, `file:/path` and `vault:mount/path#key` are names in the credential's list, and nothing else. */
export function secretsOf({ references }: Pick<FileCredential, 'references'>): SecretList {
  const values = new Map<string, string>()
  for (const { name = '', value = '' } of references?.values ?? [])
    values.set(name.trim().replace(/^(?:env|file|vault):/, ''), value)
  const find = (ref: SecretRef): string => {
    const value = values.get(ref.name) ?? ''
    if (value !== '') return value
    throw new HomelabError('config', `The credential has no secret "${ref.name}"`, {
      hint:
        `The file refers to it as ${ref.from}:${ref.name}: add it under "Secrets" in the credential.` +
        (ref.from === 'vault'
          ? ' n8n itself can take its value from Vault (External Secrets); the node does not.'
          : ''),
    })
  }
  const secret = (ref: SecretRef) => new Secret(find(ref))
  return {
    secret,
    resolve: async (ref) => secret(ref),
    text: (source) => (source.from === 'text' ? source.text : find(source)),
  }
}

/** @throws HomelabError `config` with every problem of the file */
export const inventoryOf = ({ file }: Pick<FileCredential, 'file'>): Inventory =>
  parseInventory(file, { file: 'the file of the credential' })

export function openFile(context: Context, credential: FileCredential): FileServices {
  const inventory = inventoryOf(credential)
  const secrets = secretsOf(credential)
  const proxmox = proxmoxOf(context, credential, inventory, secrets)
  const shells = createShells({
    has: (node) => inventory.ssh.some(({ name }) => name === node),
    whereIs: (guest, signal) => proxmox.cluster.nodeOf(guest, signal),
    shell: (node) => {
      const entry = inventory.ssh.find(({ name }) => name === node)
      if (entry !== undefined) return sshOf(context, entry, secrets)
      throw new HomelabError('config', `There is no SSH access to ${node}`, {
        hint: `Add ${node} under proxmox.ssh in the file of the credential.`,
      })
    },
  })
  return {
    proxmox,
    shells,
    secrets,
    clock: n8nClock,
    lab: createLab({ inventory: () => inventory, proxmox, clock: n8nClock }),
    monitoring: createMonitoring({
      prometheus: createPrometheus({
        // A secret that only this needs is missed when it is asked, and Proxmox has the rest.
        http: {
          request: (request) =>
            trusting(context, credential, inventory.monitoring.prometheus?.ca, secrets).request(request),
        },
        settings: () => inventory.monitoring.prometheus,
        secrets,
      }),
      proxmox,
    }),
    health: createHealth({
      // No secret goes to a service's health check, and a lab's services sign their own certificates.
      http: createHttpOver((options) =>
        context.helpers.httpRequest({ ...options, skipSslCertificateValidation: true }),
      ),
      shells,
      clock: n8nClock,
      address: addressBook(proxmox),
    }),
  }
}

function trusting(
  context: Context,
  credential: FileCredential,
  source: TextSource | undefined,
  secrets: SecretList,
): Http {
  const ca = source === undefined ? undefined : secrets.text(source)
  return createHttpOver((options) =>
    context.helpers.httpRequest({
      ...options,
      skipSslCertificateValidation: credential.ignoreSslIssues === true,
      ...(ca === undefined ? {} : { agentOptions: { ca } }),
    }),
  )
}

function proxmoxOf(
  context: Context,
  credential: FileCredential,
  { proxmox: access }: Inventory,
  secrets: SecretList,
): Proxmox {
  if (access === undefined) {
    throw new HomelabError('config', 'The file of the credential does not say how to reach Proxmox', {
      hint: 'Add "proxmox" with "endpoints" and "token".',
    })
  }
  return createProxmox({
    http: explained(trusting(context, credential, access.ca, secrets)),
    clock: n8nClock,
    endpoints: access.endpoints,
    auth: authOf(access, secrets),
  })
}

function authOf({ token, login }: NonNullable<Inventory['proxmox']>, secrets: SecretList): ProxmoxAuth {
  if (token !== undefined) return { kind: 'token', id: token.id, secret: secrets.secret(token.secret) }
  if (login !== undefined)
    return { kind: 'ticket', user: login.user, password: secrets.secret(login.password) }
  throw new HomelabError('config', '"proxmox" in the file has neither "token" nor "login"')
}

/** n8n's client checks no fingerprint, and its hint is about another credential. */
const explained = (http: Http): Http => ({
  request: (request) =>
    http.request(request).catch((error: unknown) => {
      if (!(error instanceof TransportError) || error.code !== 'untrusted') throw error
      throw new TransportError(error.message, false, {
        code: 'untrusted',
        hint:
          'Give the file "ca", with the authority that signed it (on the node: /etc/pve/pve-root-ca.pem). ' +
          'n8n cannot check a fingerprint.',
        cause: error,
      })
    }),
})

/** n8n's client takes a key or a password; a known_hosts file or an agent is where n8n is not. */
function sshOf(context: Context, entry: SshEntry, secrets: SecretList): Shell {
  const common = {
    host: entry.host,
    port: entry.port,
    user: entry.user,
    node: entry.name,
    ...(entry.fingerprint === undefined ? {} : { hostKey: entry.fingerprint }),
  }
  return createSshShell(context, { ...common, ...loginOf(entry, secrets) })
}

function loginOf(
  { name, key, passphrase, password }: SshEntry,
  secrets: SecretList,
): Pick<SshCredential, 'authenticateWith' | 'privateKey' | 'passphrase' | 'password'> {
  if (key !== undefined) {
    return {
      authenticateWith: 'privateKey',
      privateKey: secrets.secret(key).reveal(),
      ...(passphrase === undefined ? {} : { passphrase: secrets.secret(passphrase).reveal() }),
    }
  }
  if (password !== undefined)
    return { authenticateWith: 'password', password: secrets.secret(password).reveal() }
  throw new HomelabError('config', `proxmox.ssh.${name} in the file has neither "key" nor "password"`, {
    hint: 'n8n has no SSH agent: give it a key, as env:NAME, and the key under "Secrets" in the credential.',
  })
}

/** Where a guest answers, for services whose address the file does not give; asked once for each. */
function addressBook(proxmox: Proxmox): (target: Target) => Promise<string | undefined> {
  const known = new Map<number, Promise<string | undefined>>()
  return ({ guest }) => {
    const before = known.get(guest.vmid)
    if (before !== undefined) return before
    const address = proxmox.guestAddresses(guest).then(
      (all) =>
        all.find((each) => !each.startsWith('127.') && !each.includes(':')) ??
        all.find((each) => !/^(::1|fe80)/i.test(each)),
      () => undefined,
    )
    known.set(guest.vmid, address)
    // A guest that had no address while it started has one a moment later.
    void address.then((found) => found === undefined && known.delete(guest.vmid))
    return address
  }
}

/**
 * What can be said of the credential without the lab: whether the file is right, and no secret is missing.
 * @throws HomelabError `config`
 */
export function checkFile(credential: FileCredential): string {
  const inventory = inventoryOf(credential)
  const secrets = secretsOf(credential)
  const { proxmox, ssh, services, backups, repositories, monitoring } = inventory
  if (proxmox === undefined) throw new HomelabError('config', 'The file does not say how to reach Proxmox')
  authOf(proxmox, secrets)
  if (proxmox.ca !== undefined) secrets.text(proxmox.ca)
  const { token, login, ca } = monitoring.prometheus ?? {}
  for (const ref of [token, login?.password]) if (ref !== undefined) secrets.secret(ref)
  if (ca !== undefined) secrets.text(ca)
  for (const entry of ssh) loginOf(entry, secrets)
  for (const { password, env = {} } of repositories)
    for (const ref of [password, ...Object.values(env)]) if (ref !== undefined) secrets.secret(ref)
  return `The file is right: ${services.length} services, ${backups.length} backup plans, and every secret is there`
}
