/** What an alert is about: its labels, in the names of the lab. */
import type { Inventory, ServiceEntry } from '../inventory/schema.ts'
import type { Overview } from '../proxmox/types.ts'
import type { About, Alert } from './types.ts'

/** What names and addresses mean here. */
export interface Places {
  readonly inventory: Pick<Inventory, 'services' | 'storages' | 'backups' | 'ssh'>
  /** As it was seen last; undefined: not yet. */
  readonly overview?: Pick<Overview, 'guests' | 'nodes' | 'storages'> | undefined
}

const lower = (text: string): string => text.trim().toLowerCase()

/** `10.0.0.5:9100` → `10.0.0.5`, `[::1]:80` → `::1`, `https://plex.example.org/x` → `plex.example.org`. */
function hostOf(instance: string): string {
  const bare = lower(instance)
    .replace(/^[a-z]+:\/\//, '')
    .replace(/[/?#].*$/, '')
  return /^\[([^\]]+)\]/.exec(bare)?.[1] ?? (bare.split(':').length > 2 ? bare : bare.replace(/:\d+$/, ''))
}

/** pve-exporter calls things `lxc/110`, `qemu/200`, `node/pve` and `storage/pve/local`. */
const exporterId = /^(lxc|qemu|node|storage)\/([^/]+)(?:\/([^/]+))?$/

/** Labels that name what it is about, the surest first. `job` says what measured it, and is asked last. */
const naming = [
  'service',
  'guest',
  'vm',
  'container',
  'monitor',
  'hostname',
  'host',
  'nodename',
  'name',
  'target',
  'instance',
  'job',
]

export function aboutOf({ labels }: Pick<Alert, 'labels'>, places: Places): About {
  const { inventory } = places
  const { plan } = labels
  const found = inventory.backups.find(({ name }) => plan !== undefined && lower(name) === lower(plan))
  if (found !== undefined) {
    const service = 'service' in found && typeof found.service === 'string' ? found.service : undefined
    return { plan: found.name, ...(service === undefined ? {} : { service }) }
  }
  const exact = labels.service === undefined ? undefined : serviceNamed(lower(labels.service), places)
  if (exact !== undefined) return exact
  const [, kind, first = '', second] = exporterId.exec(labels.id ?? '') ?? []
  const storage = labels.storage ?? (kind === 'storage' ? second : undefined)
  if (storage !== undefined)
    return storageOf(storage, labels.node ?? (kind === 'storage' ? first : undefined), places)
  const vmid = kind === 'lxc' || kind === 'qemu' ? first : labels.vmid
  if (vmid !== undefined && /^[1-9]\d{2,8}$/.test(vmid)) return guestAbout(Number(vmid), places)
  for (const label of naming) {
    const value = labels[label]
    if (value === undefined || value === '') continue
    const named = namedBy(value, places)
    if (named !== undefined) return named
  }
  const node = kind === 'node' ? first : labels.node
  return node === undefined ? {} : (nodeNamed(node, places) ?? {})
}

function namedBy(value: string, places: Places): About | undefined {
  const host = hostOf(value)
  return (
    serviceNamed(lower(value), places) ??
    serviceNamed(host, places) ??
    guestNamed(host, places) ??
    nodeNamed(host, places)
  )
}

function serviceNamed(name: string, places: Places): About | undefined {
  const { services } = places.inventory
  const matches = ({ name: own, title, aliases, address }: ServiceEntry): boolean =>
    [own, title, address ?? '', ...aliases].some((each) => each !== '' && lower(each) === name)
  const found =
    services.find((entry) => lower(entry.name) === name) ??
    only(services.filter(matches)) ??
    only(services.filter(({ guest }) => lower(String(guest)) === name))
  return found === undefined ? undefined : serviceAbout(found, places)
}

const only = <T>(all: readonly T[]): T | undefined => (all.length === 1 ? all[0] : undefined)

function serviceAbout({ name, stack, guest }: ServiceEntry, { overview }: Places): About {
  const there = overview?.guests.find(({ vmid, name: own }) =>
    typeof guest === 'number' ? vmid === guest : lower(own) === lower(guest),
  )
  const vmid = typeof guest === 'number' ? guest : there?.vmid
  return {
    service: name,
    stack,
    ...(vmid === undefined ? {} : { vmid }),
    ...(there === undefined ? {} : { guest: there.name, node: there.node }),
  }
}

function guestNamed(name: string, places: Places): About | undefined {
  const found = only(places.overview?.guests.filter((guest) => lower(guest.name) === name) ?? [])
  return found === undefined ? undefined : guestAbout(found.vmid, places)
}

/** With its service, when it is the only one there. */
export function guestAbout(vmid: number, places: Places): About {
  const guest = places.overview?.guests.find((each) => each.vmid === vmid)
  const service = only(
    places.inventory.services.filter(({ guest: on }) =>
      typeof on === 'number' ? on === vmid : guest !== undefined && lower(on) === lower(guest.name),
    ),
  )
  if (service !== undefined) return serviceAbout(service, places)
  return { vmid, ...(guest === undefined ? {} : { guest: guest.name, node: guest.node }) }
}

function nodeNamed(name: string, { overview, inventory }: Places): About | undefined {
  const node =
    overview?.nodes.find((each) => lower(each.node) === lower(name))?.node ??
    inventory.ssh.find((each) => lower(each.name) === lower(name) || lower(each.host) === lower(name))?.name
  return node === undefined ? undefined : { node }
}

function storageOf(name: string, node: string | undefined, { inventory, overview }: Places): About {
  const entry = inventory.storages.find(
    (each) =>
      lower(each.name) === lower(name) || (each.storage !== undefined && lower(each.storage) === lower(name)),
  )
  const on =
    node ??
    entry?.node ??
    only(overview?.storages.filter(({ storage }) => storage === (entry?.storage ?? name)) ?? [])?.node
  return { storage: entry?.name ?? name, ...(on === undefined ? {} : { node: on }) }
}

const DOWN =
  /(?:down|unreachable|offline|not[ _-]?responding|absent|probe[ _-]?fail|unavailable|no[ _-]?answer|dead)/i

export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60)

/** `down` for whatever says that something does not run or does not answer; else what its rule is called. */
export function kindOf({ name, labels }: Pick<Alert, 'name' | 'labels'>): string {
  const { kind } = labels
  if (kind !== undefined && slug(kind) !== '') return slug(kind)
  return DOWN.test(name) ? 'down' : slug(name)
}

/**
 * Which problem this is: alerts of any source with the same key are one incident. What is about nothing that is known
 * here is one incident for each rule of its source.
 */
export function keyOf(
  alert: Pick<Alert, 'source' | 'fingerprint' | 'name' | 'labels'>,
  about: About,
): string {
  const kind = kindOf(alert)
  const { plan, storage, service, vmid, node } = about
  if (plan !== undefined) return `plan/${lower(plan)}:${kind}`
  if (storage !== undefined) return `storage/${lower(storage)}@${lower(node ?? '')}:${kind}`
  if (service !== undefined) return `service/${lower(service)}:${kind}`
  if (vmid !== undefined) return `guest/${vmid}:${kind}`
  if (node !== undefined) return `node/${lower(node)}:${kind}`
  // The bot knows better than by a rule's name what is the same.
  return alert.source === 'homelab'
    ? `homelab/${lower(alert.fingerprint)}:${kind}`
    : `${alert.source}/${kind}`
}
