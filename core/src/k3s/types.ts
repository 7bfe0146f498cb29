/** K3s as core sees it: what is looked at of its nodes, of what runs on them, and the two things that are done. */
import type { K3sSettings } from '../inventory/k3s-schema.ts'

export const workloadKinds = ['deployment', 'statefulset', 'daemonset'] as const
export type WorkloadKind = (typeof workloadKinds)[number]

/** Times are ISO 8601 everywhere here. */
export interface ClusterNode {
  readonly name: string
  /** `Unknown`: its kubelet is not heard of. */
  readonly ready: 'True' | 'False' | 'Unknown'
  /** Since when it is so. */
  readonly since?: string
  /** Why it is not ready, in the words of its kubelet. */
  readonly reason?: string
  /** `v1.34.2+k3s1` */
  readonly version: string
  /** `control-plane`, …; none: an agent. */
  readonly roles: readonly string[]
  /** `MemoryPressure`, `DiskPressure`, `PIDPressure`, `NetworkUnavailable`: those that are so. */
  readonly pressures: readonly string[]
  /** No new pods are put on it. */
  readonly cordoned: boolean
}

export interface WorkloadRef {
  readonly kind: WorkloadKind
  readonly namespace: string
  readonly name: string
}

export interface Workload extends WorkloadRef {
  /** Of the object as it is wanted, and as its controller has seen it. */
  readonly generation: number
  readonly observedGeneration: number
  /** Pods: as many as are wanted, are there, are of the newest template, and can be used. */
  readonly wanted: number
  readonly total: number
  readonly updated: number
  readonly available: number
  readonly strategy: 'RollingUpdate' | 'Recreate' | 'OnDelete'
  readonly paused: boolean
  /** Of a stateful set: pods below this number keep the old template. */
  readonly partition: number
  /** Of a deployment: how its last roll-out goes. */
  readonly progress?: {
    readonly status: string
    readonly reason: string
    readonly message: string
    readonly since?: string
  }
  /** Seconds after which Kubernetes gives a roll-out of a deployment up. */
  readonly deadlineSeconds?: number
  /** By which its pods are found, as the API takes it: `app=web,tier in (a,b)`. */
  readonly selector: string
  /** When somebody last had its pods made anew. */
  readonly restartedAt?: string
}

export interface PodContainer {
  readonly name: string
  /** It ends before the others begin. */
  readonly init: boolean
  readonly image: string
  readonly ready: boolean
  readonly restarts: number
  readonly state: 'running' | 'waiting' | 'terminated'
  /** `CrashLoopBackOff`, `ContainerCreating`, `Error`, … */
  readonly reason?: string
  readonly message?: string
  readonly exitCode?: number
  /** How it ended the last time. */
  readonly last?: { readonly reason?: string; readonly exitCode?: number; readonly at?: string }
}

export interface Pod {
  readonly namespace: string
  readonly name: string
  readonly node?: string
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
  /** Of the phase: `Evicted`, … */
  readonly reason?: string
  readonly message?: string
  readonly ready: boolean
  /** When that last changed. */
  readonly readySince?: string
  /** Why no node takes it, in the scheduler's words. */
  readonly unschedulable?: string
  readonly createdAt?: string
  /** When it was to be gone at the latest. */
  readonly endsBy?: string
  readonly containers: readonly PodContainer[]
  /** The one that its owner wants looked at. */
  readonly mainContainer?: string
}

export interface K3s {
  readonly settings: K3sSettings
  /** Names that were seen lately, `namespace/name`, for completion. From memory. */
  readonly seen: readonly string[]
  /** @returns the context, the server, and when the client certificate ends, if there is one */
  about(): Promise<{ readonly context: string; readonly server: string; readonly certificateEnds?: string }>
  nodes(signal?: AbortSignal): Promise<readonly ClusterNode[]>
  /** Without a namespace: those of the settings, or all. */
  workloads(namespace?: string, signal?: AbortSignal): Promise<readonly Workload[]>
  /** @throws HomelabError `not-found` */
  workload(ref: WorkloadRef, signal?: AbortSignal): Promise<Workload>
  pods(
    filter?: { readonly namespace?: string; readonly selector?: string },
    signal?: AbortSignal,
  ): Promise<readonly Pod[]>
  /**
   * Has its pods made anew, as `kubectl rollout restart` does: by an annotation of their template.
   * @param at value of that annotation, ISO 8601; the same again changes nothing
   */
  restart(ref: WorkloadRef, at: string): Promise<void>
  /** @throws HomelabError `conflict` while there is no such log */
  log(
    pod: { readonly namespace: string; readonly name: string; readonly container: string },
    options: { readonly lines: number; readonly previous: boolean },
    signal?: AbortSignal,
  ): Promise<string>
}
