/** What of the lab can be measured, and where: homelab.yaml laid over what Proxmox shows. Pure. */
import { type Question, questionFor } from '../../health/select.ts'
import type { Inventory, ServiceEntry, StorageEntry } from '../../inventory/schema.ts'
import type { Guest, Overview } from '../../proxmox/types.ts'

export interface Seen {
  /** Absent while Proxmox does not answer: the file alone says what there is. */
  readonly overview?: Pick<Overview, 'guests' | 'nodes'>
  /** Of guests, by VMID. */
  readonly addresses: ReadonlyMap<number, string>
}

/** One thing that Prometheus asks. */
export interface Target {
  /** `host:port`, or for a probe what is probed. */
  readonly target: string
  readonly labels: Readonly<Record<string, string>>
}

export interface ServiceView {
  readonly entry: ServiceEntry
  readonly guest?: Guest
  /** `lxc/110`, as the exporter of Proxmox calls it. */
  readonly id?: string
  readonly probe?: { readonly via: 'http' | 'tcp'; readonly target: string }
  /** Why there is no probe. */
  readonly why?: string
  /** Others cannot run without it, or nobody gets in. */
  readonly needed: boolean
}

export interface NodeView {
  readonly name: string
  readonly address?: string
}

export interface LabView {
  readonly inventory: Inventory
  readonly services: readonly ServiceView[]
  readonly nodes: readonly NodeView[]
  readonly storages: readonly StorageEntry[]
  /** `host:port` of exporters. */
  readonly nodePort: number
  readonly blackbox: string
  /** Absent: the file names none. */
  readonly pve?: string
  readonly traefik?: string
  readonly cloudflared?: { readonly target: string; readonly service: string }
  readonly metrics: Reachable & { readonly authorized: boolean }
  readonly alerts: Reachable
}

/** Where we are for others. */
export interface Reachable {
  readonly address: string
  /** Nobody else can come there. */
  readonly loopback: boolean
}

const exporters = {
  node: ['node-exporter', 'node_exporter', 'prometheus-node-exporter'],
  blackbox: ['blackbox', 'blackbox-exporter', 'blackbox_exporter', 'prometheus-blackbox-exporter'],
  pve: ['pve-exporter', 'pve_exporter', 'prometheus-pve-exporter'],
} as const

const lower = (text: string): string => text.toLowerCase()
export const hostPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

export function viewOf(inventory: Inventory, seen: Seen): LabView {
  const guests = seen.overview?.guests.filter(({ template }) => !template) ?? []
  const { network, bot } = inventory
  const wayIn =
    network.routes.length === 0
      ? []
      : [network.traefik.service, ...(network.tunnel?.service ?? ['cloudflared'])]
  const needed = new Set(
    [...inventory.services.flatMap(({ needs }) => needs), ...bot.needs, ...wayIn].map(lower),
  )
  const services = inventory.services.map((entry): ServiceView => {
    const guest = guestOf(entry.guest, guests)
    const vmid = guest?.vmid ?? (typeof entry.guest === 'number' ? entry.guest : undefined)
    const address = entry.address ?? (vmid === undefined ? undefined : seen.addresses.get(vmid))
    return {
      entry,
      ...(guest === undefined ? {} : { guest, id: `${guest.type}/${guest.vmid}` }),
      ...probeOf(entry, address),
      needed: needed.has(lower(entry.name)),
    }
  })
  const exporter = (names: readonly string[], port: number): string | undefined => {
    const found = services.find(({ entry }) => names.includes(lower(entry.name)))
    if (found === undefined) return undefined
    const { entry, guest } = found
    const vmid = guest?.vmid ?? Number(entry.guest)
    const address = entry.address ?? seen.addresses.get(vmid)
    return address === undefined ? undefined : hostPort(address, entry.port ?? port)
  }
  const pve = exporter(exporters.pve, 9221)
  const traefik = traefikOf(inventory, services, seen)
  const cloudflared = cloudflaredOf(inventory)
  const own = ownAddress(inventory, guests, seen)
  const { metrics } = inventory.monitoring
  const listen = metrics?.listen ?? inventory.console
  return {
    inventory,
    services,
    nodes: nodesOf(inventory, seen),
    storages: inventory.storages,
    nodePort:
      inventory.services.find(({ name }) => (exporters.node as readonly string[]).includes(lower(name)))
        ?.port ?? 9100,
    blackbox: exporter(exporters.blackbox, 9115) ?? '127.0.0.1:9115',
    ...(pve === undefined ? {} : { pve }),
    ...(traefik === undefined ? {} : { traefik }),
    ...(cloudflared === undefined ? {} : { cloudflared }),
    metrics: { ...reachable(listen, own), authorized: metrics?.token !== undefined },
    alerts: reachable(inventory.alerts.listen ?? inventory.console, own),
  }
}

function guestOf(wanted: number | string, guests: readonly Guest[]): Guest | undefined {
  const found = guests.filter(({ vmid, name }) =>
    typeof wanted === 'number' ? vmid === wanted : lower(name) === lower(wanted),
  )
  return found.length === 1 ? found[0] : undefined
}

function probeOf(entry: ServiceEntry, address: string | undefined): Pick<ServiceView, 'probe' | 'why'> {
  const question: Question | undefined = questionFor({ name: entry.name, service: entry })
  if (question === undefined) return { why: 'nothing is known to ask it' }
  if (question.via === 'command') return { why: 'its check is a command inside its guest' }
  if (question.via === 'http' && holdsSecret(question.url ?? `http://x${question.path}`))
    return { why: 'its address holds what may be a secret' }
  if (question.via === 'http' && question.url !== undefined)
    return { probe: { via: 'http', target: question.url } }
  if (question.loopback) return { why: 'its check listens inside its guest only' }
  if (address === undefined) return { why: 'no address of it is known: give it `address`' }
  const host = hostPort(address, question.port)
  if (question.via === 'tcp') return { probe: { via: 'tcp', target: host } }
  return { probe: { via: 'http', target: `${question.scheme}://${host}${question.path}` } }
}

/** Nothing secret leaves the file, not even what somebody has put into an address. */
function holdsSecret(url: string): boolean {
  const { username, password, search } = new URL(url)
  return username !== '' || password !== '' || /[?&][^=&]*(?:key|token|secret|pass|auth|sig)/i.test(search)
}

/** A node's address is that of its SSH, else the endpoint's where there is only one of each. */
function nodesOf({ ssh, proxmox }: Inventory, { overview }: Seen): readonly NodeView[] {
  const names = [
    ...new Set([...(overview?.nodes.map(({ node }) => node) ?? []), ...ssh.map(({ name }) => name)]),
  ]
  const endpoints = proxmox?.endpoints ?? []
  const [only] = endpoints
  const single = names.length === 1 && endpoints.length === 1 && only !== undefined ? hostIn(only) : undefined
  return names.toSorted().map((name) => {
    const address = ssh.find((each) => each.name === name)?.host ?? single
    return { name, ...(address === undefined ? {} : { address }) }
  })
}

export const hostIn = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '')

function traefikOf(
  { network }: Inventory,
  services: readonly ServiceView[],
  { addresses }: Seen,
): string | undefined {
  const { api, service } = network.traefik
  if (api !== undefined) {
    const { host, protocol } = new URL(api)
    return /:\d+$/.test(host) ? host : `${host}:${protocol === 'https:' ? 443 : 80}`
  }
  const found = services.find(({ entry }) => lower(entry.name) === lower(service))
  const vmid = found?.guest?.vmid ?? Number(found?.entry.guest)
  const address = found?.entry.address ?? addresses.get(vmid)
  return address === undefined ? undefined : hostPort(address, 8080)
}

function cloudflaredOf({ network, services }: Inventory): LabView['cloudflared'] {
  const { metrics, service } = network.tunnel ?? {}
  if (metrics === undefined) return undefined
  const { host, protocol } = new URL(metrics)
  const wanted = lower(service?.[0] ?? 'cloudflared')
  const name = services.find((entry) => lower(entry.name) === wanted)?.name ?? wanted
  return { target: /:\d+$/.test(host) ? host : `${host}:${protocol === 'https:' ? 443 : 80}`, service: name }
}

/** Of the guest that we run in, when the file says which. */
function ownAddress({ bot }: Inventory, guests: readonly Guest[], { addresses }: Seen): string | undefined {
  if (bot.guest === undefined) return undefined
  const vmid = guestOf(bot.guest, guests)?.vmid ?? Number(bot.guest)
  return addresses.get(vmid)
}

const wildcard = (host: string): boolean => host === '0.0.0.0' || /^[:0]+$/.test(host)
const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.')

function reachable(
  { host, port }: { readonly host: string; readonly port: number },
  own: string | undefined,
): Reachable {
  const address = wildcard(host) ? (own ?? '127.0.0.1') : host
  return { address: hostPort(address, port), loopback: isLoopback(address) }
}
