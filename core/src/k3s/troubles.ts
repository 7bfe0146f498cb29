/** What is not well, out of the status of nodes, workloads and pods. Pure: the time is passed in. */
import { rolloutOf } from './rollout.ts'
import type { ClusterNode, Pod, PodContainer, Workload } from './types.ts'

export interface Trouble {
  /** `CrashLoopBackOff`, `0 of 1 available` */
  readonly problem: string
  readonly detail?: string
  /** ISO 8601. */
  readonly since?: string
  /** Not wrong yet: it may be on its way. */
  readonly starting: boolean
  /** Of a pod: the container that it is about. */
  readonly container?: string
  /** The worse, the higher; for choosing among the pods of one deployment. */
  readonly weight: number
}

const MINUTE_MS = 60_000
/** Milliseconds a pod may take to be scheduled, pulled and ready before it counts as wrong. */
const STARTING_MS = 2 * MINUTE_MS
/** Milliseconds for which an image may be pulled before that is worth a word. */
const CREATING_MS = 5 * MINUTE_MS
/** Milliseconds for which a container that ran out of memory is told of though it runs again. */
const OOM_MS = 60 * MINUTE_MS
/** Milliseconds after which a failed pod that nothing waits for is only a left-over. */
const LEFTOVER_MS = 24 * 60 * MINUTE_MS

/** Waiting for what takes its time. */
const onItsWay = ['ContainerCreating', 'PodInitializing']

export function nodeTrouble({ ready, reason, since, pressures }: ClusterNode): Trouble | undefined {
  const common = { starting: false, ...(since === undefined ? {} : { since }) }
  if (ready !== 'True') {
    const problem = ready === 'Unknown' ? 'not heard of' : 'not ready'
    return { ...common, problem, ...(reason === undefined ? {} : { detail: reason }), weight: 10 }
  }
  if (pressures.length > 0) return { starting: false, problem: pressures.join(', '), weight: 5 }
  return undefined
}

export function workloadTrouble(workload: Workload): Trouble | undefined {
  const { wanted, available, progress } = workload
  const rollout = rolloutOf(workload)
  const since = progress?.since === undefined ? {} : { since: progress.since }
  if (rollout.state === 'failed')
    return { problem: 'roll-out given up', detail: rollout.why, ...since, starting: false, weight: 8 }
  if (available >= wanted) return undefined
  const problem = `${available} of ${wanted} available`
  // Between two templates it is short of pods on purpose, until Kubernetes gives it up.
  const turning =
    rollout.state === 'going' && (workload.updated < wanted || progress?.reason === 'ReplicaSetUpdated')
  if (turning) return { problem, detail: `rolling out: ${rollout.text}`, starting: true, weight: 3 }
  return { problem, starting: false, weight: 7 }
}

/** undefined for pods that are well, that have done their work, and for left-overs. */
export function podTrouble(pod: Pod, now: Date): Trouble | undefined {
  const { phase, createdAt, endsBy, readySince, unschedulable } = pod
  const since = readySince ?? createdAt
  const at = since === undefined ? {} : { since }
  const older = (time: string | undefined, ms: number) =>
    time !== undefined && now.getTime() - Date.parse(time) > ms
  if (phase === 'Succeeded') return undefined
  if (endsBy !== undefined) {
    if (!older(endsBy, MINUTE_MS)) return undefined
    return {
      problem: 'cannot be ended',
      detail: 'it was to be gone, and is not',
      since: endsBy,
      starting: false,
      weight: 4,
    }
  }
  if (phase === 'Failed') {
    if (older(since, LEFTOVER_MS)) return undefined
    const detail = pod.message ?? endOf(pod.containers.find(({ exitCode = 0 }) => exitCode !== 0))
    return {
      problem: pod.reason ?? 'failed',
      ...(detail === undefined ? {} : { detail }),
      ...at,
      starting: false,
      weight: 5,
    }
  }
  if (unschedulable !== undefined)
    return { problem: 'Pending', detail: unschedulable, ...at, starting: false, weight: 9 }
  for (const container of pod.containers) {
    const found = containerTrouble(container, now)
    if (found !== undefined) return { ...at, ...found, container: container.name }
  }
  if (phase === 'Unknown')
    return {
      problem: 'not heard of',
      detail: `its node ${pod.node ?? ''} does not answer`.replace('  ', ' '),
      ...at,
      starting: false,
      weight: 8,
    }
  if (pod.ready) return undefined
  const waiting = pod.containers.find(({ state }) => state === 'waiting')
  const named = waiting === undefined ? {} : { container: waiting.name }
  if (phase === 'Pending')
    return {
      problem: waiting?.reason ?? 'Pending',
      ...named,
      ...at,
      starting: !older(createdAt, CREATING_MS),
      weight: 2,
    }
  const unready = pod.containers.find(({ ready, init }) => !ready && !init)
  return {
    problem: 'not ready',
    detail:
      unready === undefined ? 'its readiness gates are not met' : `${unready.name} does not pass its check`,
    ...(unready === undefined ? {} : { container: unready.name }),
    ...at,
    starting: !older(since, STARTING_MS),
    weight: 2,
  }
}

function containerTrouble(container: PodContainer, now: Date): Omit<Trouble, 'container'> | undefined {
  const { state, reason, message, init, image, restarts, last, exitCode } = container
  const named = (problem: string) => (init ? `init: ${problem}` : problem)
  if (state === 'waiting' && reason !== undefined && !onItsWay.includes(reason)) {
    const detail = /Image/.test(reason)
      ? [image, shortened(message)]
      : [restartsText(restarts), endOf(last), reason === 'CrashLoopBackOff' ? undefined : shortened(message)]
    const text = detail.filter((part) => part !== undefined).join(', ')
    return { problem: named(reason), ...(text === '' ? {} : { detail: text }), starting: false, weight: 10 }
  }
  // Of an init container an end with 0 is what it is there for.
  if (state === 'terminated' && exitCode !== undefined && exitCode !== 0) {
    const detail = [endOf(container), restartsText(restarts)].filter((part) => part !== undefined).join(', ')
    return { problem: named(reason ?? 'Error'), detail, starting: false, weight: 9 }
  }
  if (last?.reason === 'OOMKilled' && last.at !== undefined && now.getTime() - Date.parse(last.at) < OOM_MS) {
    const text = restartsText(restarts)
    return {
      problem: named('OOMKilled'),
      detail: `it ran out of memory and was started again${text === undefined ? '' : `, ${text}`}`,
      since: last.at,
      starting: false,
      weight: 6,
    }
  }
  return undefined
}

const restartsText = (count: number): string | undefined =>
  count === 0 ? undefined : count === 1 ? '1 restart' : `${count} restarts`

/** `last exit 137 (OOMKilled)` */
function endOf(
  end: { readonly exitCode?: number; readonly reason?: string } | undefined,
): string | undefined {
  if (end?.exitCode === undefined) return undefined
  return `last exit ${end.exitCode}${end.reason === undefined ? '' : ` (${end.reason})`}`
}

/** Kubernetes repeats the whole address of an image and the answer of its registry. */
const shortened = (message: string | undefined): string | undefined =>
  message === undefined || message === '' ? undefined : message.replace(/\s+/g, ' ').slice(0, 200)
