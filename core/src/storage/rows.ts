/** Every storage that counts: those of Proxmox, those of homelab.yaml, each once. */
import type { Lab } from '../inventory/types.ts'
import type { Overview } from '../proxmox/types.ts'
import type { Shells } from '../shell/types.ts'
import { type Measure, measure, type StorageProblem } from './measure.ts'

export interface StorageRow {
  readonly name: string
  readonly node: string
  readonly kind: string
  readonly purpose: string
  readonly used?: number
  readonly total?: number
  readonly warn: number
  readonly crit: number
  /** What is measured at its path is the root disk. */
  readonly unmounted?: true
  readonly problems: readonly StorageProblem[]
}

const WARN = 80
const CRIT = 90

/** @param only the space: neither RAIDs nor disks are asked */
export async function storageRows(
  lab: Lab,
  overview: Overview,
  shells: Shells,
  signal: AbortSignal,
  only?: 'space',
): Promise<readonly StorageRow[]> {
  const { storages: entries } = lab.inventory
  const known = new Map(
    entries.flatMap((entry) => (entry.storage === undefined ? [] : [[entry.storage, entry] as const])),
  )
  const measured = await Promise.all(
    entries.map(async (entry) => {
      const node = entry.node ?? overview.storages.find((storage) => storage.storage === entry.storage)?.node
      const watched =
        entry.storage === undefined ||
        (only === undefined && (entry.raid !== undefined || (entry.disks ?? []).length > 0))
      return [
        entry.name,
        node !== undefined && watched ? await measure(entry, node, shells, signal, only) : undefined,
      ] as const
    }),
  )
  const measures = new Map(measured)
  const seen = new Set<string>()
  const rows: StorageRow[] = []
  for (const storage of overview.storages) {
    // A shared storage is listed once a node, and is one.
    if (storage.shared && seen.has(storage.storage)) continue
    seen.add(storage.storage)
    const entry = known.get(storage.storage)
    const row = {
      name: entry?.name ?? storage.storage,
      node: storage.shared ? 'shared' : storage.node,
      kind: entry?.kind ?? storage.plugin,
      purpose: entry?.purpose ?? storage.content.join(', '),
      warn: entry?.warn ?? WARN,
      crit: entry?.crit ?? CRIT,
      ...(storage.status === 'available' ? { used: storage.used, total: storage.total } : {}),
    }
    const offline =
      storage.status === 'available' ? [] : [{ severity: 'error' as const, text: 'does not answer' }]
    const extra = entry === undefined ? [] : (measures.get(entry.name)?.problems ?? [])
    rows.push({ ...row, problems: [...offline, ...fullness(row), ...extra] })
  }
  for (const entry of entries) {
    if (entry.storage !== undefined) {
      if (seen.has(entry.storage)) continue
      const gone = [
        {
          severity: 'error' as const,
          text: `Proxmox has no storage "${entry.storage}", or the token may not see it`,
        },
      ]
      rows.push({
        name: entry.name,
        node: entry.node ?? '',
        kind: entry.kind ?? '',
        purpose: entry.purpose ?? '',
        warn: entry.warn,
        crit: entry.crit,
        problems: gone,
      })
      continue
    }
    const { used, total, unmounted, problems }: Measure = measures.get(entry.name) ?? { problems: [] }
    const row = {
      name: entry.name,
      node: entry.node ?? '',
      kind: entry.kind ?? 'folder',
      purpose: entry.purpose ?? entry.path ?? '',
      warn: entry.warn,
      crit: entry.crit,
      ...(used === undefined || total === undefined ? {} : { used, total }),
      ...(unmounted === undefined ? {} : { unmounted }),
    }
    rows.push({ ...row, problems: [...fullness(row), ...problems] })
  }
  return rows
}

function fullness(row: {
  used?: number
  total?: number
  warn: number
  crit: number
}): StorageRow['problems'] {
  if (row.used === undefined || row.total === undefined || row.total === 0) return []
  const full = (row.used / row.total) * 100
  if (full < row.warn) return []
  return [{ severity: full >= row.crit ? 'error' : 'warning', text: `${Math.round(full)} % full` }]
}
