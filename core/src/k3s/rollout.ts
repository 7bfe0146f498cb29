/** How far the roll-out of a workload is, from its status: the rules of `kubectl rollout status`. */
import type { Workload } from './types.ts'

export type Rollout =
  | { readonly state: 'done' }
  | { readonly state: 'going'; readonly text: string; readonly done: number; readonly total: number }
  /** Kubernetes has given it up; the old pods stay where it can keep them. */
  | { readonly state: 'failed'; readonly why: string }

export function rolloutOf(workload: Workload): Rollout {
  const { kind, wanted, total, updated, available, generation, observedGeneration, progress } = workload
  const going = (text: string, done: number): Rollout => ({ state: 'going', text, done, total: wanted })
  // What the status says is of the template before.
  if (observedGeneration < generation) return going('its controller has not begun', 0)
  if (progress?.reason === 'ProgressDeadlineExceeded')
    return { state: 'failed', why: progress.message === '' ? progress.reason : progress.message }
  const target = kind === 'statefulset' ? Math.max(0, wanted - workload.partition) : wanted
  if (updated < target) return going(`${updated} of ${target} made anew`, updated)
  if (total > wanted)
    return going(
      `${total - wanted} of the old ones still ${total - wanted === 1 ? 'ends' : 'end'}`,
      available,
    )
  if (available < wanted) return going(`${available} of ${wanted} can be used`, available)
  return { state: 'done' }
}
