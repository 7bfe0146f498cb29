/** One overview laid under one inventory: every name looked up in constant time. Built once per overview. */
import type { Guest, Overview } from '../proxmox/types.ts'
import { catalogueEntry, otherStack } from './defaults.ts'
import { dependencyOrder, reachedBy } from './graph.ts'
import type { Inventory, ServiceEntry } from './schema.ts'
import type { ServiceRow, Target } from './types.ts'

export interface Directory {
  readonly inventory: Inventory
  readonly overview: Overview
  /** By name or alias, in lower case. */
  readonly service: ReadonlyMap<string, ServiceEntry>
  readonly byVmid: ReadonlyMap<number, Guest>
  /** By name in lower case; templates only where no real guest has the name. */
  readonly byName: ReadonlyMap<string, readonly Guest[]>
  /** Stack in lower case to its services. */
  readonly rows: () => readonly ServiceRow[]
  /** The guests that `entry.guest` can mean: none, one, or several of the same name. */
  guestsOf(entry: ServiceEntry): readonly Guest[]
  target(guest: Guest, as?: ServiceEntry): Target
  /** Sorted so that what others need comes first; otherwise in the given order. */
  inOrder(targets: readonly Target[]): readonly Target[]
}

export function createDirectory(inventory: Inventory, overview: Overview): Directory {
  const service = servicesByName(inventory)
  const byVmid = new Map(overview.guests.map((guest) => [guest.vmid, guest]))
  const byName = guestsByName(overview.guests)
  const guestsOf = (entry: ServiceEntry): readonly Guest[] => {
    if (typeof entry.guest === 'string') return byName.get(lower(entry.guest)) ?? []
    const guest = byVmid.get(entry.guest)
    return guest === undefined ? [] : [guest]
  }

  const onGuest = new Map<number, ServiceEntry[]>()
  const hostOf = new Map<string, number>()
  for (const entry of inventory.services) {
    const [guest, ...others] = guestsOf(entry)
    if (guest === undefined || others.length > 0) continue
    push(onGuest, guest.vmid, entry)
    hostOf.set(lower(entry.name), guest.vmid)
  }
  const needs = new Map(inventory.services.map((entry) => [lower(entry.name), entry.needs.map(lower)]))
  const neededBy = new Map<string, string[]>()
  for (const entry of inventory.services) {
    for (const need of entry.needs) push(neededBy, lower(need), lower(entry.name))
  }

  const target = (guest: Guest, as?: ServiceEntry): Target => {
    const here = onGuest.get(guest.vmid) ?? []
    const entry = as ?? (here.length === 1 ? here[0] : undefined)
    const own = entry ?? (here.length === 0 ? catalogueEntry(guest) : undefined)
    let dependents: readonly string[] | undefined
    return {
      name: own?.name ?? guestTitle(guest),
      guest,
      ...(own === undefined ? {} : { service: own }),
      // Found when asked for: a long chain of services would otherwise cost its square at each overview.
      get dependents() {
        dependents ??= dependentsOf(own, here)
        return dependents
      },
    }
  }
  const dependentsOf = (own: ServiceEntry | undefined, here: readonly ServiceEntry[]): readonly string[] => {
    // Whatever shares the guest goes down with it.
    const beside = here.filter((other) => other !== own).map((other) => lower(other.name))
    const started = own === undefined ? beside : [lower(own.name), ...beside]
    return [...beside, ...reachedBy(started, neededBy)].map((name) => service.get(name)?.name ?? name)
  }

  const inOrder = (targets: readonly Target[]): readonly Target[] => {
    if (targets.length < 2) return targets
    // Guests are the nodes, because a guest starts as a whole; a service without one still links its neighbours.
    const node = (name: string): string => String(hostOf.get(name) ?? name)
    const edges = new Map<string, string[]>()
    for (const [name, list] of needs) {
      for (const need of list) if (node(need) !== node(name)) push(edges, node(name), node(need))
    }
    const chosen = new Map(targets.map((each) => [String(each.guest.vmid), each]))
    return dependencyOrder(chosen.keys(), edges).flatMap((each) => chosen.get(each) ?? [])
  }

  let rows: readonly ServiceRow[] | undefined
  return {
    inventory,
    overview,
    service,
    byVmid,
    byName,
    guestsOf,
    target,
    inOrder,
    rows: () => {
      rows ??= inventory.services.length === 0 ? guestRows() : fileRows()
      return rows
    },
  }

  function fileRows(): readonly ServiceRow[] {
    return inventory.services.map((entry) => {
      const [guest, ...others] = guestsOf(entry)
      const found = guest !== undefined && others.length === 0 && !guest.template
      return { name: entry.name, stack: entry.stack, ...(found ? { target: target(guest, entry) } : {}) }
    })
  }

  function guestRows(): readonly ServiceRow[] {
    return overview.guests
      .filter((guest) => !guest.template)
      .map((guest) => {
        const found = target(guest)
        return { name: found.name, stack: found.service?.stack ?? otherStack, target: found }
      })
  }
}

/** `CT 110 on pve`. */
export const guestText = (guest: Guest): string =>
  `${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} on ${guest.node}`

/** A guest of a node that is down has no name in the overview. */
export const guestTitle = (guest: Guest): string => guest.name || String(guest.vmid)

export const lower = (text: string): string => text.toLowerCase()

function servicesByName(inventory: Inventory): Map<string, ServiceEntry> {
  const service = new Map<string, ServiceEntry>()
  for (const entry of inventory.services) {
    for (const alias of entry.aliases) service.set(lower(alias), entry)
  }
  for (const entry of inventory.services) service.set(lower(entry.name), entry)
  return service
}

function guestsByName(guests: readonly Guest[]): Map<string, Guest[]> {
  const byName = new Map<string, Guest[]>()
  for (const guest of guests) if (!guest.template && guest.name !== '') push(byName, lower(guest.name), guest)
  for (const guest of guests) {
    if (guest.template && !byName.has(lower(guest.name))) byName.set(lower(guest.name), [guest])
  }
  return byName
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
