/** From the file as written to the inventory as read: defaults filled in from the catalogue and the routes. */
import { type KnownService, knownService } from '../health/catalogue.ts'
import { type AlertSourceKind, Alerts, type AlertsSettings, alertSources } from './alerts-schema.ts'
import { Digest } from './backup-schema.ts'
import { n8nSettings } from './n8n-schema.ts'
import { networkSettings } from './network-schema.ts'
import { defaultConsole, type Inventory, type InventoryFile, type ServiceEntry } from './schema.ts'

/** The stack of a service for which neither the file nor the catalogue names one. */
export const otherStack = 'other'

export const emptyInventory = (): Inventory => toInventory({ name: 'homelab' })

export function toInventory(file: InventoryFile): Inventory {
  const network = networkSettings(file.network)
  const urls = new Map(
    network.routes.toReversed().map((route) => [lower(route.service), `https://${route.hostname}`]),
  )
  const { ssh = {}, ...proxmox } = file.proxmox ?? {}
  return {
    name: file.name,
    ...(file.timezone === undefined ? {} : { timezone: file.timezone }),
    ...('endpoints' in proxmox ? { proxmox } : {}),
    ...(file.vault == null ? {} : { vault: file.vault }),
    ssh: named(ssh).map((entry, _, all) => ({
      ...entry,
      host: entry.host ?? onlyHost(file.proxmox?.endpoints, all.length) ?? entry.name,
    })),
    services: Object.entries(file.services ?? {}).map(([name, service]) =>
      serviceFrom(name, service ?? {}, urls.get(lower(name))),
    ),
    storages: named(file.storages),
    repositories: named(file.repositories),
    backups: named(file.backups).map((plan) =>
      plan.timezone === undefined && file.timezone !== undefined
        ? { ...plan, timezone: file.timezone }
        : plan,
    ),
    unprotected: file.unprotected ?? [],
    ...digestOf(file),
    network,
    monitoring: file.monitoring ?? {},
    alerts: alertsSettings(file.alerts ?? Alerts.parse({})),
    ...(file.n8n == null ? {} : { n8n: n8nSettings(file.n8n) }),
    ...(file.k3s == null ? {} : { k3s: file.k3s }),
    people: named(file.people),
    rights: { operations: new Map(Object.entries(file.rights?.operations ?? {})) },
    approve: (file.approve ?? []).map(({ delay, expires, ...rule }) => ({
      ...rule,
      ...(delay === undefined ? {} : { delayMs: delay }),
      expiresMs: expires,
    })),
    ...(file.discord == null ? {} : { discord: file.discord }),
    ...(file.slack == null ? {} : { slack: file.slack }),
    channels: named(file.channels),
    bot: { needs: [], ...defined(file.bot ?? {}) },
    console: file.console ?? defaultConsole,
    confirm: file.confirm ?? [],
    exec: file.exec ?? [],
    ...(file.blueprints === undefined ? {} : { blueprints: file.blueprints }),
    ...(file.state === undefined ? {} : { state: file.state }),
  }
}

function alertsSettings({ sources, ...file }: NonNullable<InventoryFile['alerts']>): AlertsSettings {
  return {
    ...file,
    sources: named(sources).map((source) => ({ ...source, kind: source.kind ?? kindOf(source.name) })),
  }
}

/** What is called like none of them says what everything can say. */
const kindOf = (name: string): AlertSourceKind =>
  alertSources.find((kind) => kind === name.toLowerCase()) ?? 'generic'

/** It comes by itself where somebody reads it. */
function digestOf({ digest, channels }: InventoryFile): Pick<Inventory, 'digest'> {
  if (digest === false) return {}
  const read = Object.values(channels ?? {}).some(({ ops }) => ops)
  if (digest == null) return read ? { digest: Digest.parse({}) } : {}
  return { digest }
}

/** The entry that a live guest gets when the catalogue knows its name and the file does not mention it. */
export function catalogueEntry(guest: {
  readonly name: string
  readonly vmid: number
}): ServiceEntry | undefined {
  return knownService(guest.name) === undefined ? undefined : serviceFrom(guest.name, { guest: guest.vmid })
}

type WrittenService = NonNullable<NonNullable<InventoryFile['services']>[string]>

/** What a service of the file means. @param routeUrl where its route leads to */
export function serviceFrom(name: string, written: WrittenService, routeUrl?: string): ServiceEntry {
  const known: KnownService | undefined = knownService(written.kind ?? name)
  const optional = {
    kind: known?.name,
    blueprint: written.blueprint,
    port: written.port ?? known?.port,
    address: written.address,
    unit: written.unit ?? known?.units[0],
    health: written.health,
    url: written.url ?? routeUrl,
    role: written.role,
  }
  return {
    name,
    guest: written.guest ?? name,
    title: written.title ?? known?.title ?? name,
    stack: written.stack ?? known?.stack ?? otherStack,
    needs: written.needs ?? [],
    private: written.private ?? false,
    confirm: written.confirm ?? false,
    aliases: written.aliases ?? [],
    ...defined(optional),
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }
/** Leaves out what is undefined, as exact optional properties want it. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Defined<T>
}

const lower = (text: string): string => text.toLowerCase()

const named = <T extends object>(entries: Readonly<Record<string, T>> | null | undefined) =>
  Object.entries(entries ?? {}).map(([name, entry]) => ({ name, ...entry }))

/** With one endpoint and one node they are the same machine, and the node's name need not resolve. */
const onlyHost = (endpoints: readonly string[] | undefined, nodes: number): string | undefined =>
  endpoints?.length === 1 && nodes === 1 && endpoints[0] !== undefined
    ? new URL(endpoints[0]).hostname.replace(/^\[|\]$/g, '')
    : undefined
