/** From the objects of the Kubernetes API to what core looks at. Every field of theirs may be missing. */
import type { ClusterNode, Pod, PodContainer, Workload } from '@homelab/core/k3s'
import type {
  V1ContainerState,
  V1ContainerStatus,
  V1DaemonSet,
  V1Deployment,
  V1LabelSelector,
  V1Node,
  V1ObjectMeta,
  V1Pod,
  V1StatefulSet,
} from '@kubernetes/client-node'

/** Written by `kubectl rollout restart`, and by us. */
export const restartedAtKey = 'kubectl.kubernetes.io/restartedAt'
const mainContainerKey = 'kubectl.kubernetes.io/default-container'
const roleKey = 'node-role.kubernetes.io/'

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }
/** Leaves out what is undefined, as exact optional properties want it. */
const defined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(value).filter(([, part]) => part !== undefined && part !== ''),
  ) as Defined<T>

const time = (date: Date | undefined): string | undefined =>
  date === undefined || Number.isNaN(date.getTime()) ? undefined : date.toISOString()

export function toNode({ metadata, spec, status }: V1Node): ClusterNode {
  const conditions = status?.conditions ?? []
  const ready = conditions.find(({ type }) => type === 'Ready')
  const state = ready?.status === 'True' || ready?.status === 'False' ? ready.status : 'Unknown'
  return {
    name: metadata?.name ?? '',
    ready: state,
    version: status?.nodeInfo?.kubeletVersion ?? '',
    roles: Object.keys(metadata?.labels ?? {})
      .filter((key) => key.startsWith(roleKey))
      .map((key) => key.slice(roleKey.length))
      .filter((role) => role !== 'master'),
    pressures: conditions
      .filter(
        ({ type, status: is }) =>
          is === 'True' && (type.endsWith('Pressure') || type === 'NetworkUnavailable'),
      )
      .map(({ type }) => type),
    cordoned: spec?.unschedulable === true,
    ...defined({
      since: time(ready?.lastTransitionTime),
      reason: state === 'True' ? undefined : (ready?.message ?? ready?.reason),
    }),
  }
}

export function toDeployment({ metadata, spec, status }: V1Deployment): Workload {
  const progress = status?.conditions?.find(({ type }) => type === 'Progressing')
  return {
    kind: 'deployment',
    ...common(metadata, spec?.selector, spec?.template?.metadata),
    observedGeneration: status?.observedGeneration ?? 0,
    wanted: spec?.replicas ?? 1,
    total: status?.replicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
    available: status?.availableReplicas ?? 0,
    strategy: spec?.strategy?.type === 'Recreate' ? 'Recreate' : 'RollingUpdate',
    paused: spec?.paused === true,
    partition: 0,
    deadlineSeconds: spec?.progressDeadlineSeconds ?? 600,
    ...(progress === undefined
      ? {}
      : {
          progress: {
            status: progress.status,
            reason: progress.reason ?? '',
            message: progress.message ?? '',
            ...defined({ since: time(progress.lastUpdateTime) }),
          },
        }),
  }
}

export function toStatefulSet({ metadata, spec, status }: V1StatefulSet): Workload {
  return {
    kind: 'statefulset',
    ...common(metadata, spec?.selector, spec?.template?.metadata),
    observedGeneration: status?.observedGeneration ?? 0,
    wanted: spec?.replicas ?? 1,
    total: status?.replicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
    available: status?.availableReplicas ?? 0,
    strategy: spec?.updateStrategy?.type === 'OnDelete' ? 'OnDelete' : 'RollingUpdate',
    paused: false,
    partition: spec?.updateStrategy?.rollingUpdate?.partition ?? 0,
  }
}

export function toDaemonSet({ metadata, spec, status }: V1DaemonSet): Workload {
  const wanted = status?.desiredNumberScheduled ?? 0
  return {
    kind: 'daemonset',
    ...common(metadata, spec?.selector, spec?.template?.metadata),
    observedGeneration: status?.observedGeneration ?? 0,
    wanted,
    // Of a node that is to have none any more it may have one: that is no older template.
    total: wanted,
    updated: status?.updatedNumberScheduled ?? 0,
    available: status?.numberAvailable ?? 0,
    strategy: spec?.updateStrategy?.type === 'OnDelete' ? 'OnDelete' : 'RollingUpdate',
    paused: false,
    partition: 0,
  }
}

function common(
  metadata: V1ObjectMeta | undefined,
  selector: V1LabelSelector | undefined,
  template: V1ObjectMeta | undefined,
) {
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    generation: metadata?.generation ?? 0,
    selector: selectorText(selector),
    ...defined({ restartedAt: template?.annotations?.[restartedAtKey] }),
  }
}

function selectorText(selector: V1LabelSelector | undefined): string {
  const equal = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const others = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'NotIn' ? 'notin' : 'in'} (${values.join(',')})`
  })
  return [...equal, ...others].join(',')
}

export function toPod({ metadata, spec, status }: V1Pod): Pod {
  const conditions = status?.conditions ?? []
  const ready = conditions.find(({ type }) => type === 'Ready')
  const scheduled = conditions.find(({ type }) => type === 'PodScheduled')
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    phase: phaseOf(status?.phase),
    ready: ready?.status === 'True',
    containers: [
      ...(status?.initContainerStatuses ?? []).map((each) => toContainer(each, true)),
      ...(status?.containerStatuses ?? []).map((each) => toContainer(each, false)),
    ],
    ...defined({
      node: spec?.nodeName,
      reason: status?.reason,
      message: status?.message,
      readySince: time(ready?.lastTransitionTime),
      unschedulable: scheduled?.status === 'False' ? (scheduled.message ?? scheduled.reason) : undefined,
      createdAt: time(metadata?.creationTimestamp),
      endsBy: time(metadata?.deletionTimestamp),
      mainContainer: metadata?.annotations?.[mainContainerKey],
    }),
  }
}

const phases = ['Pending', 'Running', 'Succeeded', 'Failed'] as const
const phaseOf = (phase: string | undefined): Pod['phase'] =>
  phases.find((each) => each === phase) ?? 'Unknown'

function toContainer(status: V1ContainerStatus, init: boolean): PodContainer {
  const { state, lastState } = status
  const now = state?.waiting ?? state?.terminated
  const last = endOf(lastState)
  return {
    name: status.name,
    init,
    image: status.image,
    ready: status.ready,
    restarts: status.restartCount,
    state: state?.running ? 'running' : state?.terminated ? 'terminated' : 'waiting',
    ...defined({ reason: now?.reason, message: now?.message, exitCode: state?.terminated?.exitCode, last }),
  }
}

function endOf(state: V1ContainerState | undefined): PodContainer['last'] {
  if (state?.terminated === undefined) return undefined
  const { reason, exitCode, finishedAt } = state.terminated
  return defined({ reason, exitCode, at: time(finishedAt) })
}
