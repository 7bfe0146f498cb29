/** Words for what runs in K3s, shared by its operations. */
import type { Workload, WorkloadKind } from '../../k3s/types.ts'
import { duration } from '../../operation/view.ts'

export const kindWords: Readonly<Record<WorkloadKind, string>> = {
  deployment: 'deployment',
  statefulset: 'stateful set',
  daemonset: 'daemon set',
}

/** `media/jellyfin` */
export const placeOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`

export const podsText = (count: number): string => (count === 1 ? '1 pod' : `${count} pods`)

interface TroubleWords {
  readonly problem: string
  readonly detail?: string | undefined
  readonly since?: string | undefined
  readonly container?: string | undefined
}

/** `CrashLoopBackOff (web): 14 restarts, last exit 1 (Error), for 2 h 10 min` */
export function troubleText({ problem, detail, since, container }: TroubleWords, now: Date): string {
  const age = since === undefined ? undefined : now.getTime() - Date.parse(since)
  const rest = [detail, age === undefined || age < 1_000 ? undefined : `for ${duration(age)}`]
    .filter((part) => part !== undefined)
    .join(', ')
  return `${problem}${container === undefined ? '' : ` (${container})`}${rest === '' ? '' : `: ${rest}`}`
}

/** Whether nobody serves while its pods are made anew. */
export function gapOf({ kind, wanted, strategy }: Workload): string | undefined {
  if (strategy === 'Recreate')
    return 'It is down for a moment: its strategy is Recreate, so the old pods end before the new ones begin.'
  if (kind === 'daemonset')
    return 'On each node it is down for a moment: the old pod ends before the new one begins.'
  if (wanted > 1) return undefined
  return kind === 'statefulset'
    ? 'It is down for a moment: it has one pod, which ends before the new one begins.'
    : 'It may be down for a moment: it has one pod. The new one begins first where the two can be there at once.'
}
