/** The lab's services out of homelab.yaml: what the operations need, on this machine's own network. */
import { readFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join, resolve } from 'node:path'
import {
  type Blueprints,
  type Clock,
  type Health,
  HomelabError,
  type Lab,
  type Monitoring,
  type N8n,
  type Network,
  type Proxmox,
  type Shells,
  type Target,
} from '@homelab/core'
import { createHealth } from '@homelab/core/health'
import { createLab, type Inventory, type SecretRef, type SshEntry } from '@homelab/core/inventory'
import type { K3s } from '@homelab/core/k3s'
import { createMonitoring, createPrometheus, type Prometheus } from '@homelab/core/monitoring'
import { createN8n } from '@homelab/core/n8n'
import {
  createBlueprints,
  createHttp,
  createSsh,
  createTcp,
  type HostKey,
  type Secrets,
  type SshHost,
  systemClock,
} from '@homelab/core/node'
import { createProxmox, type ProxmoxAuth } from '@homelab/core/proxmox'
import { createShells } from '@homelab/core/shell'
import type { Documents } from '@homelab/core/traefik'
import { createK3s } from '../k3s/index.ts'
import { connectNetwork } from './network.ts'

export interface LabServices extends AsyncDisposable {
  readonly lab: Lab
  readonly proxmox: Proxmox
  readonly health: Health
  readonly shells: Shells
  readonly monitoring: Monitoring
  readonly prometheus: Prometheus
  readonly n8n: N8n
  readonly k3s: K3s
  readonly blueprints: Blueprints
  readonly network: Network
  readonly clock: Clock
  readonly secrets: Secrets
}

/** Milliseconds for which a guest's own address is remembered: asking costs a call for each guest. */
const ADDRESS_MS = 600_000

/**
 * @param inventory read at every use, so that a reload counts at once; how to reach Proxmox and the nodes is read once
 * @param documents where the routes are kept that Traefik's HTTP provider asks for; only a bot has them
 * @throws HomelabError `config` when there is no way to reach Proxmox in it
 */
export async function connectLab(
  inventory: () => Inventory,
  secrets: Secrets,
  documents?: Documents,
): Promise<LabServices> {
  const { proxmox: access, ssh: entries } = inventory()
  if (access === undefined) {
    throw new HomelabError('config', 'homelab.yaml does not say how to reach Proxmox.', {
      hint: 'Add `proxmox:` with `endpoints` and `token`; docs/configuration.md has the three lines and how to make the token.',
    })
  }
  const clock = systemClock
  const http = createHttp(await trustOf(access, secrets))
  // No secret goes to a service's health check, and a lab's services sign their own certificates.
  const plain = createHttp({ anyCertificate: true })
  const forN8n = createHttp(await trustOf(inventory().n8n, secrets))
  const forPrometheus = createHttp(await trustOf(inventory().monitoring.prometheus, secrets))
  const forCloudflare = createHttp()
  const proxmox = createProxmox({
    http,
    clock,
    endpoints: access.endpoints,
    auth: await authOf(access, secrets),
  })
  const ssh = createSsh({
    hosts: Object.fromEntries(await Promise.all(entries.map((entry) => sshHost(entry, secrets)))),
  })
  const shells = createShells({
    shell: (node) => ssh.shell(node),
    has: (node) => ssh.has(node),
    whereIs: (guest, signal) => proxmox.cluster.nodeOf(guest, signal),
  })
  const lab = createLab({ inventory, proxmox, clock, selfName: hostname() })
  const health = createHealth({
    http: plain,
    tcp: createTcp(),
    shells,
    clock,
    address: addressBook(proxmox, clock),
  })
  const prometheus = createPrometheus({
    http: forPrometheus,
    settings: () => inventory().monitoring.prometheus,
    secrets,
  })
  const k3s = createK3s({ settings: () => k3sOf(inventory()), secrets, clock })
  return {
    lab,
    proxmox,
    health,
    shells,
    network: connectNetwork({
      inventory,
      secrets,
      lab,
      shells,
      clock,
      http: forCloudflare,
      plain,
      ...(documents === undefined ? {} : { documents }),
    }),
    monitoring: createMonitoring({ prometheus, proxmox }),
    prometheus,
    n8n: createN8n({ http: forN8n, settings: () => n8nOf(inventory()), secrets }),
    k3s,
    blueprints: createBlueprints(() => {
      const { blueprints: folder } = inventory()
      return folder === undefined ? undefined : resolve(folder)
    }),
    clock,
    secrets,
    async [Symbol.asyncDispose]() {
      ssh.close()
      await Promise.all([
        http.close(),
        plain.close(),
        forN8n.close(),
        forPrometheus.close(),
        forCloudflare.close(),
        k3s.close(),
      ])
    },
  }
}

/** How a peer is known: by its certificate, by who signed that, or by the public authorities. */
async function trustOf(
  access:
    | (Pick<NonNullable<Inventory['n8n']>, 'ca'> & {
        readonly fingerprint?: string | readonly string[] | undefined
      })
    | undefined,
  secrets: Secrets,
): Promise<Parameters<typeof createHttp>[0]> {
  return {
    ...(access?.fingerprint === undefined ? {} : { fingerprint: access.fingerprint }),
    ...(access?.ca === undefined ? {} : { ca: await secrets.text(access.ca) }),
  }
}

function n8nOf({ n8n }: Inventory): NonNullable<Inventory['n8n']> {
  if (n8n !== undefined) return n8n
  throw new HomelabError('config', 'homelab.yaml has no `n8n` section any more.')
}

function k3sOf({ k3s }: Inventory): NonNullable<Inventory['k3s']> {
  if (k3s !== undefined) return k3s
  throw new HomelabError('config', 'homelab.yaml has no `k3s` section any more.')
}

async function authOf(access: NonNullable<Inventory['proxmox']>, secrets: Secrets): Promise<ProxmoxAuth> {
  const { token, login } = access
  // A secret that was replaced: Proxmox refuses the one before, and the bot goes on.
  const again = (ref: SecretRef) => () => secrets.resolve(ref, { refused: true })
  if (token !== undefined)
    return {
      kind: 'token',
      id: token.id,
      secret: await secrets.resolve(token.secret),
      again: again(token.secret),
    }
  if (login !== undefined)
    return {
      kind: 'ticket',
      user: login.user,
      password: await secrets.resolve(login.password),
      again: again(login.password),
    }
  throw new HomelabError('config', 'proxmox in homelab.yaml has neither "token" nor "login".')
}

async function sshHost(entry: SshEntry, secrets: Secrets): Promise<readonly [string, SshHost]> {
  const { SSH_AUTH_SOCK: agent } = process.env
  const resolved = {
    privateKey: entry.key && (await secrets.resolve(entry.key)),
    passphrase: entry.passphrase && (await secrets.resolve(entry.passphrase)),
    password: entry.password && (await secrets.resolve(entry.password)),
    agent:
      entry.agent === true || (entry.key === undefined && entry.password === undefined) ? agent : undefined,
  }
  const auth = Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== undefined))
  return [
    entry.name,
    { host: entry.host, port: entry.port, user: entry.user, auth, hostKey: await hostKey(entry) },
  ]
}

async function hostKey({ fingerprint, known_hosts: path, name }: SshEntry): Promise<HostKey> {
  if (fingerprint !== undefined) return { fingerprint }
  const file = (path ?? '~/.ssh/known_hosts').replace(/^~(?=\/)/, homedir())
  try {
    return { knownHosts: await readFile(join(file), 'utf8') }
  } catch (error) {
    if (path === undefined) return { knownHosts: '' }
    throw new HomelabError('config', `proxmox.ssh.${name}.known_hosts: ${file} cannot be read.`, {
      cause: error,
    })
  }
}

/** Where a guest answers, for services whose address the file does not give. */
function addressBook(proxmox: Proxmox, clock: Clock): (target: Target) => Promise<string | undefined> {
  const known = new Map<number, { readonly address: Promise<string | undefined>; readonly until: number }>()
  return ({ guest }) => {
    const entry = known.get(guest.vmid)
    if (entry !== undefined && entry.until > clock.monotonic()) return entry.address
    const address = proxmox.guestAddresses(guest).then(
      (all) =>
        all.find((each) => !each.startsWith('127.') && !each.includes(':')) ??
        all.find((each) => !/^(::1|fe80)/i.test(each)),
      () => undefined,
    )
    known.set(guest.vmid, { address, until: clock.monotonic() + ADDRESS_MS })
    // A guest that had no address while it started has one a moment later.
    void address.then((found) => found === undefined && known.delete(guest.vmid))
    return address
  }
}
