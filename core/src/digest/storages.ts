/** The storages, those with a problem first, and how much more is on each than then. */
import { isHomelabError } from '../errors.ts'
import type { Lab } from '../inventory/types.ts'
import type { Monitoring, Subject } from '../monitoring/types.ts'
import { inParallel } from '../parallel.ts'
import type { Overview } from '../proxmox/types.ts'
import type { Shells } from '../shell/types.ts'
import { type StorageRow, storageRows } from '../storage/index.ts'
import type { StorageLine } from './types.ts'

export interface StoragesOptions {
  readonly lab: Lab
  readonly shells: Shells
  readonly monitoring: Monitoring | undefined
  readonly span: { readonly from: Date; readonly to: Date }
  readonly signal: AbortSignal
  /** Told once of each reason for which nobody can say how one has grown. */
  readonly onUnseen: (why: string) => void
}

/** Each costs a call. */
const MOST_GROWTH = 40
const AT_ONCE = 4
const DAY_MS = 86_400_000

export async function storagesSince(options: StoragesOptions): Promise<StorageLine[]> {
  const { lab, shells, signal, onUnseen } = options
  const overview = await lab.overview({ signal })
  const rows = (await storageRows(lab, overview, shells, signal)).toSorted((a, b) => urgency(b) - urgency(a))
  const reasons = new Set<string>()
  const grown = await inParallel(rows.slice(0, MOST_GROWTH), AT_ONCE, (row) =>
    growthOf(row, overview, options, reasons),
  )
  for (const reason of reasons) onUnseen(`how they grow: ${reason}`)
  return rows.map(({ kind: _, purpose: __, problems, ...row }, index) => {
    const more = grown[index]
    return { ...row, problems: [...problems], ...(more === undefined ? {} : { grown: more }) }
  })
}

const urgency = ({ problems, used = 0, total = 0 }: StorageRow): number =>
  problems.reduce((sum, { severity }) => Math.max(sum, severity === 'error' ? 20 : 10), 0) +
  (total === 0 ? 0 : used / total)

/** undefined when nobody recorded it. */
async function growthOf(
  row: StorageRow,
  overview: Overview,
  { lab, monitoring, span, signal }: StoragesOptions,
  reasons: Set<string>,
): Promise<number | undefined> {
  const subject = subjectOf(row, overview, lab)
  if (monitoring === undefined || subject === undefined || row.used === undefined) return undefined
  const to = span.to.getTime()
  // A span of minutes would show nothing but rounding.
  const from = Math.min(span.from.getTime(), to - DAY_MS)
  try {
    const { series } = await monitoring.read(subject, 'disk', { from, to }, signal)
    const first = series[0]?.points[0]
    return first === undefined ? undefined : row.used - first.value
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    // Of a folder nobody keeps a record unless there is a Prometheus: that is no trouble.
    if (error.code !== 'not-found') reasons.add(error.message)
    return undefined
  }
}

function subjectOf(row: StorageRow, { storages }: Overview, lab: Lab): Subject | undefined {
  const entry = lab.inventory.storages.find(({ name }) => name === row.name)
  const storage = entry === undefined ? row.name : entry.storage
  const found = storages.find(
    (each) => each.storage === storage && (row.node === 'shared' || each.node === row.node),
  )
  const node = found?.node ?? entry?.node
  if (node === undefined) return undefined
  return {
    kind: 'storage',
    name: row.name,
    node,
    ...(storage === undefined ? {} : { storage }),
    ...(entry?.path === undefined ? {} : { path: entry.path }),
  }
}
