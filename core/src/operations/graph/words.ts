/** What somebody wants drawn: `plex cpu 24h`, `node memory 7d`, `storage apollo 30d`. */
import { parseDuration } from '../../duration.ts'
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { Lab } from '../../inventory/types.ts'
import { type Metric, metrics, type Subject } from '../../monitoring/types.ts'
import { didYouMean, joinWords } from '../../nearest.ts'
import { one } from '../guest/one.ts'

/** What the words after the first say, in any order. */
export interface Words {
  readonly metric?: Metric
  /** Milliseconds. */
  readonly spanMs?: number
  /** After `node` and `storage`. */
  readonly name?: string
}

export interface Wanted {
  readonly subject: Subject
  /** As people call it. */
  readonly title: string
  /** What there is of memory or disk, in bytes. */
  readonly limits: Readonly<Partial<Record<Metric, number>>>
  /** Percent, of a storage. */
  readonly warn?: number
  readonly crit?: number
}

/** `ram` and `used` are what people type. */
const synonyms: Readonly<Record<string, Metric>> = {
  ram: 'memory',
  mem: 'memory',
  used: 'disk',
  space: 'disk',
  net: 'network',
  traffic: 'network',
}
const kinds = ['node', 'storage', 'guest', 'service']
const HOUR_MS = 3_600_000
export const LONGEST_MS = 366 * 24 * HOUR_MS

/** @throws HomelabError `usage` for a word that is neither, or a second one of a kind */
export function readWords(target: string, words: readonly string[]): Words {
  let read: Words = {}
  for (const word of words) {
    const lower = word.toLowerCase()
    const metric = metrics.find((each) => each === lower) ?? synonyms[lower]
    const spanMs = parseDuration(lower)
    if (metric !== undefined && read.metric === undefined) read = { ...read, metric }
    else if (spanMs !== undefined && read.spanMs === undefined) read = { ...read, spanMs }
    else if (kinds.includes(target.toLowerCase()) && read.name === undefined) read = { ...read, name: word }
    else
      throw new HomelabError('usage', `"${word}" is no metric and no time.${didYouMean(word, metrics)}`, {
        hint: `Metrics are ${joinWords(metrics)}; a time is 1h, 24h, 7d or 30d: graph plex cpu 24h.`,
      })
  }
  const { spanMs } = read
  if (spanMs !== undefined && (spanMs < HOUR_MS / 12 || spanMs > LONGEST_MS))
    throw new HomelabError('usage', 'A time is between 5m and 366d.')
  return read
}

/** A guest or service by its name; else a storage or a node of that name. */
export async function wantedOf(
  lab: Lab,
  target: string,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Wanted> {
  const kind = target.toLowerCase()
  if (kind === 'node') return (await nodeOf(lab, name, signal)) ?? noNode(lab, name, signal)
  if (kind === 'storage') return (await storageOf(lab, name, signal)) ?? noStorage(lab, name, signal)
  const guest = kinds.includes(kind) && name !== undefined ? name : target
  try {
    return await guestOf(lab, guest, signal)
  } catch (error) {
    if (!isHomelabError(error) || error.code !== 'not-found') throw error
    const other = (await storageOf(lab, guest, signal)) ?? (await nodeOf(lab, guest, signal))
    if (other === undefined) throw error
    return other
  }
}

async function guestOf(lab: Lab, name: string, signal: AbortSignal): Promise<Wanted> {
  const { guest, name: title } = await one(lab, name, signal)
  const { vmid, type, node } = guest
  return {
    subject: { kind: 'guest', guest: { vmid, type, node, name: guest.name } },
    title,
    limits: { memory: guest.maxmem, disk: guest.maxdisk },
  }
}

async function nodeOf(lab: Lab, name: string | undefined, signal: AbortSignal): Promise<Wanted | undefined> {
  const { nodes } = await lab.overview({ signal })
  const found =
    name === undefined && nodes.length === 1 ? nodes[0] : nodes.find(({ node }) => same(node, name))
  return found === undefined
    ? undefined
    : {
        subject: { kind: 'node', node: found.node },
        title: found.node,
        limits: { memory: found.maxmem, disk: found.maxdisk },
      }
}

async function storageOf(
  lab: Lab,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Wanted | undefined> {
  const { storages } = await lab.overview({ signal })
  const entry = lab.inventory.storages.find((each) => same(each.name, name) || same(each.storage, name))
  const found = storages.find(({ storage, node }) =>
    entry?.storage === undefined
      ? entry === undefined && same(storage, name)
      : storage === entry.storage && (entry.node ?? node) === node,
  )
  const node = entry?.node ?? found?.node
  if (node === undefined) return undefined
  const storage = entry === undefined ? found?.storage : entry.storage
  const title = entry?.name ?? found?.storage ?? ''
  return {
    subject: {
      kind: 'storage',
      name: title,
      node,
      ...(storage === undefined ? {} : { storage }),
      ...(entry?.path === undefined ? {} : { path: entry.path }),
    },
    title,
    limits: found === undefined || found.total === 0 ? {} : { disk: found.total },
    warn: entry?.warn ?? 80,
    crit: entry?.crit ?? 90,
  }
}

const same = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && a.toLowerCase() === b.toLowerCase()

async function noNode(lab: Lab, name: string | undefined, signal: AbortSignal): Promise<never> {
  const names = (await lab.overview({ signal })).nodes.map(({ node }) => node)
  if (name === undefined)
    throw new HomelabError('usage', `Which node? There are ${joinWords(names)}.`, {
      hint: `graph node ${names[0] ?? ''} memory 7d`,
    })
  throw new HomelabError('not-found', `No node "${name}".${didYouMean(name, names)}`, {
    hint: '`node list` lists all.',
  })
}

async function noStorage(lab: Lab, name: string | undefined, signal: AbortSignal): Promise<never> {
  const { storages } = await lab.overview({ signal })
  const names = [
    ...new Set([
      ...lab.inventory.storages.map((each) => each.name),
      ...storages.map(({ storage }) => storage),
    ]),
  ]
  if (name === undefined)
    throw new HomelabError('usage', `Which storage? There are ${joinWords(names)}.`, {
      hint: `graph storage ${names[0] ?? ''} 30d`,
    })
  throw new HomelabError('not-found', `No storage "${name}".${didYouMean(name, names)}`, {
    hint: '`storage list` lists all.',
  })
}
