/** Which guests our own runs are about, and which of them they stopped. */
import { namedIn, type RunView } from '@homelab/core'
import { z } from 'zod'
import type { WatchOptions } from './types.ts'

/** By VMID, when it was stopped, ISO 8601. */
export const Stopped = z.record(z.string(), z.string())
export type Stopped = z.infer<typeof Stopped>

/** So long the overview may still show a guest running that has just been stopped. */
const STALE_MS = 60_000

const Results = z.object({
  results: z.array(z.object({ vmid: z.int(), outcome: z.string() })),
})
const stopping = ['service.stop', 'service.shutdown']
const good = ['done', 'warnings', 'unchanged']

/** VMIDs that this run has stopped; also one that failed for others. */
export function stoppedBy({ operation, result, error }: RunView): readonly number[] {
  if (!stopping.includes(operation)) return []
  const parsed = Results.safeParse(result ?? error?.data?.output)
  if (!parsed.success) return []
  return parsed.data.results.filter(({ outcome }) => good.includes(outcome)).map(({ vmid }) => vmid)
}

/** Without the guests that somebody has started since. */
export function stillStopped(stopped: Stopped, running: ReadonlySet<number>, now: Date): Stopped {
  const kept = Object.entries(stopped).filter(
    ([vmid, at]) => !running.has(Number(vmid)) || now.getTime() - Date.parse(at) < STALE_MS,
  )
  return Object.fromEntries(kept)
}

/** VMIDs that a run is about which goes on now. */
export async function busyGuests({
  runs,
  registry,
  lab,
}: {
  readonly runs: Pick<WatchOptions['runs'], 'active'>
  readonly registry: WatchOptions['registry']
  readonly lab: Pick<WatchOptions['lab'], 'resolve'>
}): Promise<ReadonlySet<number>> {
  const busy = new Set<number>()
  for (const { operation: id, input } of await runs.active()) {
    const operation = registry.byId(id)
    if (operation === undefined || typeof input !== 'object' || input === null) continue
    const names = namedIn(operation, input as Readonly<Record<string, unknown>>)
    // A name that means nothing any more is the run's own trouble.
    const targets = names.length === 0 ? [] : await lab.resolve(names).catch(() => [])
    for (const { guest } of targets) busy.add(guest.vmid)
  }
  return busy
}
