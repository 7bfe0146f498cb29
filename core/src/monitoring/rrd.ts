/** What Proxmox recorded, as series. */
import type { HistoryRow, Proxmox, Timeframe } from '../proxmox/types.ts'
import { thinned } from './series.ts'
import type { Metric, Series, Span, Subject, Unit } from './types.ts'

const HOUR_MS = 3_600_000
/** The finest that still reaches back so far; the points become coarser with each. */
const frames: readonly (readonly [Timeframe, number])[] = [
  ['hour', HOUR_MS],
  ['day', 24 * HOUR_MS],
  ['week', 7 * 24 * HOUR_MS],
  ['month', 31 * 24 * HOUR_MS],
]
/** PVE 9 keeps a day by the minute. */
const MOST_POINTS = 300

export const timeframeOf = ({ from, to }: Span): Timeframe =>
  frames.find(([, ms]) => to - from <= ms)?.[0] ?? 'year'

type Columns = readonly (readonly [key: string, name: string])[]

const network: Columns = [
  ['netin', 'in'],
  ['netout', 'out'],
]
const columns: Readonly<Record<Subject['kind'], Partial<Record<Metric, Columns>>>> = {
  guest: { cpu: [['cpu', 'CPU']], memory: [['mem', 'memory']], disk: [['disk', 'disk']], network },
  node: { cpu: [['cpu', 'CPU']], memory: [['memused', 'memory']], disk: [['rootused', 'disk']], network },
  storage: { disk: [['used', 'used']] },
}
export const units: Readonly<Record<Metric, Unit>> = {
  cpu: 'share',
  memory: 'bytes',
  disk: 'bytes',
  network: 'bytes/s',
}

/** Empty when nothing of it was recorded in this time. */
export async function readRrd(
  proxmox: Pick<Proxmox, 'history'>,
  subject: Subject,
  metric: Metric,
  span: Span,
  signal?: AbortSignal,
): Promise<readonly Series[]> {
  const wanted = columns[subject.kind][metric] ?? []
  if (wanted.length === 0) return []
  const of = subject.kind === 'storage' ? storageOf(subject) : subject
  if (of === undefined) return []
  return seriesOf(await proxmox.history(of, timeframeOf(span), signal), wanted, units[metric], span)
}

const storageOf = ({ node, storage }: Extract<Subject, { kind: 'storage' }>) =>
  storage === undefined ? undefined : { kind: 'storage' as const, node, storage }

/** @param wanted keys of the rows, and what their series are called */
export function seriesOf(
  rows: readonly HistoryRow[],
  wanted: Columns,
  unit: Unit,
  { from, to }: Span,
): readonly Series[] {
  const stepMs = stepOf(rows)
  return wanted.flatMap(([key, name]) => {
    // A row without the key is a time when nothing was collected, and no zero.
    const points = rows.flatMap((row) => {
      const value = row[key]
      const at = row.time * 1000
      return value === undefined || at < from || at > to ? [] : [{ at, value }]
    })
    return points.length === 0 ? [] : [thinned({ name, unit, stepMs, points }, MOST_POINTS)]
  })
}

function stepOf(rows: readonly HistoryRow[]): number {
  const steps = rows.slice(1).map(({ time }, index) => time - (rows[index]?.time ?? 0))
  const least = Math.min(...steps.filter((step) => step > 0))
  return Number.isFinite(least) ? least * 1000 : 60_000
}
