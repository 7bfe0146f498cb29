/** Completion of names from memory: a list is built when it is first needed after a change, then only searched. */
import type { Candidate } from '../nearest.ts'
import type { Guest, Overview } from '../proxmox/types.ts'
import { catalogueEntry, otherStack } from './defaults.ts'
import { guestText, guestTitle, lower } from './directory.ts'
import type { Inventory, ServiceEntry } from './schema.ts'
import { search } from './suggest.ts'
import type { Suggestion, SuggestKind } from './types.ts'

type List = 'services' | 'selectors' | 'guests' | 'vmids' | 'nodes' | 'storages'
type Candidates = readonly Candidate<Suggestion>[]

/** What an inventory and an overview have to offer. */
interface Sources {
  readonly inventory: Inventory
  readonly overview: Overview | undefined
  readonly live: readonly LiveGuest[]
  /** How many guests have this name, in lower case. */
  readonly named: ReadonlyMap<string, readonly Guest[]>
}
interface LiveGuest {
  readonly key: string
  readonly guest: Guest
}

export function createCompletion() {
  let sources: Sources | undefined
  let lists: Partial<Record<List, Candidates>> = {}
  return (
    kind: SuggestKind,
    typed: string,
    limit: number,
    inventory: Inventory,
    overview: Overview | undefined,
  ): readonly Suggestion[] => {
    const list = listFor(kind, typed.trim())
    if (list === undefined) return []
    if (sources?.inventory !== inventory || sources.overview !== overview) {
      sources = sourcesOf(inventory, overview)
      lists = {}
    }
    lists[list] ??= builders[list](sources)
    return search(typed, lists[list], limit)
  }
}

function listFor(kind: SuggestKind, typed: string): List | undefined {
  if (kind === 'nodes' || kind === 'storages') return kind
  if (kind !== 'services' && kind !== 'guests') return undefined
  if (/^\d+$/.test(typed)) return 'vmids'
  return kind === 'services' && typed.startsWith('@') ? 'selectors' : kind
}

const builders: Readonly<Record<List, (sources: Sources) => Candidates>> = {
  services: serviceList,
  selectors: selectorList,
  guests: ({ live, named }) => live.map((each) => guestCandidate(each, named)),
  vmids: ({ live }) =>
    live
      .toSorted((a, b) => a.guest.vmid - b.guest.vmid)
      .map(({ guest }) => ({
        key: String(guest.vmid),
        item: { value: String(guest.vmid), label: `${guestTitle(guest)} · ${guestLabel(guest)}` },
      })),
  nodes: ({ overview }) =>
    (overview?.nodes ?? []).map(({ node, status }) => ({
      key: lower(node),
      item: { value: node, label: status },
    })),
  storages: storageList,
}

function sourcesOf(inventory: Inventory, overview: Overview | undefined): Sources {
  const live = (overview?.guests ?? [])
    .filter((guest) => !guest.template)
    .map((guest) => ({ key: lower(guestTitle(guest)), guest }))
    // localeCompare takes 30 times as long, and guest names are ASCII.
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.guest.vmid - b.guest.vmid))
  const named = new Map<string, Guest[]>()
  for (const { key, guest } of live) {
    const list = named.get(key)
    if (list === undefined) named.set(key, [guest])
    else list.push(guest)
  }
  return { inventory, overview, live, named }
}

function serviceList({ inventory, overview, live, named }: Sources): Candidates {
  const byVmid = new Map(live.map(({ guest }) => [guest.vmid, guest]))
  const guestOf = (entry: ServiceEntry): Guest | undefined => {
    if (typeof entry.guest === 'number') return byVmid.get(entry.guest)
    const found = named.get(lower(entry.guest))
    return found?.length === 1 ? found[0] : undefined
  }
  const names: Candidate<Suggestion>[] = []
  const aliases: Candidate<Suggestion>[] = []
  const taken = new Set<number>()
  for (const entry of inventory.services) {
    const guest = guestOf(entry)
    if (guest !== undefined) taken.add(guest.vmid)
    const known = guest === undefined ? `${entry.title} · no guest` : guestLabel(guest)
    const item = { value: entry.name, label: overview === undefined ? entry.title : known }
    names.push({ key: lower(entry.name), item })
    for (const alias of entry.aliases) aliases.push({ key: lower(alias), item })
  }
  const used = new Set(names.map(({ key }) => key))
  const others = live.filter(({ key, guest }) => !taken.has(guest.vmid) && !used.has(key))
  return [...names, ...others.map((each) => guestCandidate(each, named)), ...aliases]
}

function selectorList({ inventory, live }: Sources): Candidates {
  const entries =
    inventory.services.length > 0 ? inventory.services : live.map(({ guest }) => catalogueEntry(guest))
  const stacks = new Map<string, number>()
  for (const entry of entries) {
    const stack = entry?.stack ?? otherStack
    stacks.set(stack, (stacks.get(stack) ?? 0) + 1)
  }
  return [
    { key: '@all', item: { value: '@all', label: 'Everything' } },
    ...[...stacks].map(([stack, count]) => ({
      key: lower(`@${stack}`),
      item: { value: `@${stack}`, label: count === 1 ? '1 service' : `${count} services` },
    })),
  ]
}

/** The file's own names first, then what Proxmox has besides them, each name once. */
function storageList({ inventory, overview }: Sources): Candidates {
  const found = new Map<string, Candidate<Suggestion>>()
  for (const { name, purpose, storage, path } of inventory.storages) {
    const label = purpose ?? storage ?? path
    const item = { value: name, ...(label === undefined ? {} : { label }) }
    found.set(lower(name), { key: lower(name), item })
  }
  const covered = new Set(inventory.storages.map((entry) => entry.storage))
  for (const { storage, node, plugin, shared } of overview?.storages ?? []) {
    if (covered.has(storage) || found.has(lower(storage))) continue
    const label = shared ? plugin : `${plugin} on ${node}`
    found.set(lower(storage), { key: lower(storage), item: { value: storage, label } })
  }
  return [...found.values()]
}

/** A name that several guests share has to be typed as a VMID. */
function guestCandidate({ key, guest }: LiveGuest, named: Sources['named']): Candidate<Suggestion> {
  const unique = guest.name !== '' && named.get(key)?.length === 1
  return unique
    ? { key, item: { value: guest.name, label: guestLabel(guest) } }
    : { key, item: { value: String(guest.vmid), label: `${guestTitle(guest)} · ${guestLabel(guest)}` } }
}

const guestLabel = (guest: Guest): string => `${guestText(guest)} · ${guest.status}`
