import type { Storage } from '@homelab/core/proxmox'
import type { Found, StorageMemory, TriggerEvent } from './types.ts'

export interface Threshold {
  /** Percent used from which it is told. */
  readonly percent: number
  /** How far it has to fall below that before it is told again. */
  readonly hysteresis: number
}

/** A shared storage is one, whichever nodes have it. */
export const storageKey = ({ shared, node, storage }: Storage): string =>
  shared ? storage : `${node}/${storage}`

const usedPercent = ({ used, total }: Storage): number => (used / total) * 100

/**
 * Storages that rose over the threshold, each once until it fell below it by the hysteresis.
 * @param before absent at the first look, which only learns
 */
export function fullStorages(
  storages: readonly Storage[],
  before: StorageMemory | undefined,
  { percent, hysteresis }: Threshold,
): Found<StorageMemory> {
  const over = new Set<string>()
  const events: TriggerEvent[] = []
  for (const [key, storage] of once(storages)) {
    const was = before?.includes(key) === true
    // Of one that does not answer nothing is known.
    if (storage.status !== 'available' || storage.total <= 0) {
      if (was) over.add(key)
      continue
    }
    const used = usedPercent(storage)
    if (used < (was ? percent - hysteresis : percent)) continue
    over.add(key)
    if (before !== undefined && !was) events.push(storageEvent(storage, percent))
  }
  return { memory: [...over].toSorted(), events }
}

/** Of a shared storage the node that answers. */
function once(storages: readonly Storage[]): ReadonlyMap<string, Storage> {
  const all = new Map<string, Storage>()
  for (const storage of storages) {
    const key = storageKey(storage)
    if (all.get(key)?.status !== 'available') all.set(key, storage)
  }
  return all
}

export const storageEvent = (storage: Storage, threshold: number): TriggerEvent => ({
  event: 'storageOverThreshold',
  storage: storage.storage,
  node: storage.node,
  shared: storage.shared,
  used: storage.used,
  total: storage.total,
  free: storage.total - storage.used,
  usedPercent: Math.round(usedPercent(storage) * 10) / 10,
  threshold,
})

/** The fullest, as an example in the editor. */
export const fullest = (storages: readonly Storage[], threshold: number): TriggerEvent | undefined =>
  storages
    .filter(({ status, total }) => status === 'available' && total > 0)
    .toSorted((a, b) => usedPercent(b) - usedPercent(a))
    .slice(0, 1)
    .map((storage) => storageEvent(storage, threshold))[0]
