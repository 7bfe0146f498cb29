/** Completion of names from memory: lists are built when the inventory or the overview changed, then only searched. */
import type { Guest, Overview } from '../proxmox/types.ts'
import { catalogueEntry, otherStack } from './defaults.ts'
import { guestText, guestTitle, lower } from './directory.ts'
import type { Inventory, ServiceEntry } from './schema.ts'
import { type Candidate, search } from './suggest.ts'
import type { Suggestion, SuggestKind } from './types.ts'

type Candidates = readonly Candidate<Suggestion>[]
interface Lists {
  readonly inventory: Inventory
  readonly overview: Overview | undefined
  readonly services: Candidates
  readonly selectors: Candidates
  readonly guests: Candidates
  readonly vmids: Candidates
  readonly nodes: Candidates
  readonly storages: Candidates
}

export function createCompletion() {
  let lists: Lists | undefined
  return (
    kind: SuggestKind,
    typed: string,
    limit: number,
    inventory: Inventory,
    overview: Overview | undefined,
  ): readonly Suggestion[] => {
    if (lists?.inventory !== inventory || lists.overview !== overview) lists = build(inventory, overview)
    const text = typed.trim()
    switch (kind) {
      case 'services':
        if (text.startsWith('@')) return search(text, lists.selectors, limit)
        return digits(text) ? search(text, lists.vmids, limit) : search(text, lists.services, limit)
      case 'guests':
        return digits(text) ? search(text, lists.vmids, limit) : search(text, lists.guests, limit)
      case 'nodes':
        return search(text, lists.nodes, limit)
      case 'storages':
        return search(text, lists.storages, limit)
      default:
        return []
    }
  }
}

const digits = (text: string): boolean => /^\d+$/.test(text)

function build(inventory: Inventory, overview: Overview | undefined): Lists {
  const guests = (overview?.guests ?? []).filter((guest) => !guest.template)
  const byVmid = new Map(guests.map((guest) => [guest.vmid, guest]))
  const byName = new Map<string, Guest[]>()
  for (const guest of guests) {
    const list = byName.get(lower(guest.name))
    if (list === undefined) byName.set(lower(guest.name), [guest])
    else list.push(guest)
  }
  const guestOf = (entry: ServiceEntry): Guest | undefined => {
    if (typeof entry.guest === 'number') return byVmid.get(entry.guest)
    const found = byName.get(lower(entry.guest))
    return found?.length === 1 ? found[0] : undefined
  }

  const taken = new Set<number>()
  const ofServices = inventory.services.flatMap((entry) => {
    const guest = guestOf(entry)
    if (guest !== undefined) taken.add(guest.vmid)
    const label = guest === undefined ? `${entry.title} · no guest` : guestLabel(guest)
    const item = { value: entry.name, ...(overview === undefined ? { label: entry.title } : { label }) }
    return [entry.name, ...entry.aliases].map((name) => ({ key: lower(name), item }))
  })
  // A name that several share has to be typed as its VMID.
  const nameOf = (guest: Guest): string =>
    guest.name !== '' && byName.get(lower(guest.name))?.length === 1 ? guest.name : String(guest.vmid)
  const ofGuest = (guest: Guest): Candidate<Suggestion> => {
    const value = nameOf(guest)
    const label = value === guest.name ? guestLabel(guest) : `${guestTitle(guest)} · ${guestLabel(guest)}`
    return { key: lower(guestTitle(guest)), item: { value, label } }
  }
  const sorted = guests.toSorted(byTitle)
  const names = new Set(ofServices.map(({ key }) => key))
  const stacks = new Map<string, number>()
  const entries = inventory.services.length > 0 ? inventory.services : guests.map(catalogueEntry)
  for (const entry of entries) {
    const stack = entry?.stack ?? otherStack
    stacks.set(stack, (stacks.get(stack) ?? 0) + 1)
  }
  return {
    inventory,
    overview,
    // Aliases are found but, being other names of the same, do not stand in the list before anything is typed.
    services: [
      ...ofServices.filter(({ key, item }) => key === lower(item.value)),
      ...sorted.filter((guest) => !taken.has(guest.vmid) && !names.has(lower(guest.name))).map(ofGuest),
      ...ofServices.filter(({ key, item }) => key !== lower(item.value)),
    ],
    selectors: [
      { key: '@all', item: { value: '@all', label: 'Everything' } },
      ...[...stacks].map(([stack, count]) => ({
        key: lower(`@${stack}`),
        item: { value: `@${stack}`, label: count === 1 ? '1 service' : `${count} services` },
      })),
    ],
    guests: sorted.map(ofGuest),
    vmids: guests
      .toSorted((a, b) => a.vmid - b.vmid)
      .map((guest) => ({
        key: String(guest.vmid),
        item: { value: String(guest.vmid), label: `${guestTitle(guest)} · ${guestLabel(guest)}` },
      })),
    nodes: (overview?.nodes ?? []).map(({ node, status }) => ({
      key: lower(node),
      item: { value: node, label: status },
    })),
    storages: storageList(inventory, overview),
  }
}

/** The file's own names first, then what Proxmox has besides them, each name once. */
function storageList(inventory: Inventory, overview: Overview | undefined): Candidates {
  const found = new Map<string, Candidate<Suggestion>>()
  for (const { name, purpose, storage, path } of inventory.storages) {
    const label = purpose ?? storage ?? path
    found.set(lower(name), {
      key: lower(name),
      item: { value: name, ...(label === undefined ? {} : { label }) },
    })
  }
  const covered = new Set(inventory.storages.map((entry) => entry.storage))
  for (const { storage, node, plugin, shared } of overview?.storages ?? []) {
    if (covered.has(storage) || found.has(lower(storage))) continue
    const label = shared ? plugin : `${plugin} on ${node}`
    found.set(lower(storage), { key: lower(storage), item: { value: storage, label } })
  }
  return [...found.values()]
}

const guestLabel = (guest: Guest): string => `${guestText(guest)} · ${guest.status}`

// localeCompare takes 30 times as long, and guest names are ASCII.
const byTitle = (a: Guest, b: Guest): number => {
  const [left, right] = [lower(guestTitle(a)), lower(guestTitle(b))]
  return left < right ? -1 : left > right ? 1 : a.vmid - b.vmid
}
