/** The cluster as core sees it: its nodes and votes, guests that move, HA and replication. Times are seconds since the epoch. */
import type { GuestRef } from './types.ts'

export interface ClusterNode {
  readonly node: string
  readonly online: boolean
  readonly ip?: string
  readonly votes?: number
  /** Addresses of its corosync links, in their order. */
  readonly links: readonly string[]
}

export interface ClusterStatus {
  /** Absent of a node that is in no cluster. */
  readonly name?: string
  /** Whether more than half of the votes are there: without, Proxmox changes nothing. True of a single node. */
  readonly quorate: boolean
  readonly nodes: readonly ClusterNode[]
  /** An arbiter outside of the cluster has a vote. Undefined where nobody could tell. */
  readonly qdevice?: boolean
}

export interface Gpu {
  /** `0000:01:00.0` */
  readonly id: string
  /** `Intel Corporation HD Graphics 530` */
  readonly name: string
}

export interface Cluster {
  /** Needs Sys.Audit on /. Votes and links are left out where they cannot be read. */
  status(signal?: AbortSignal): Promise<ClusterStatus>
  /** Where the guest is now, by a call of its own; undefined when it is nowhere, or may not be seen. */
  nodeOf(guest: Pick<GuestRef, 'vmid' | 'type'>, signal?: AbortSignal): Promise<string | undefined>
  /** Display controllers of a node. Needs Sys.Audit on /. */
  gpus(node: string, signal?: AbortSignal): Promise<readonly Gpu[]>
}

export interface MigrationRequest {
  readonly target: string
  /** It runs, and shall run there: a container is stopped, moved and started, a VM goes on meanwhile. */
  readonly running: boolean
  /** Storage there for disks on local ones; default: the one of the same name. */
  readonly storage?: string
}

/** What keeps a VM, as Proxmox tells it. */
export interface MigrationObstacles {
  /** `hostpci0`, `usb0` */
  readonly localResources: readonly string[]
  readonly localDisks: readonly { readonly volid: string; readonly size: number; readonly cdrom: boolean }[]
}

type Claimed = (upid: string) => boolean

export interface Migration {
  /** VMs only: of a container Proxmox says it when it is tried. */
  obstacles(guest: GuestRef, target: string, signal?: AbortSignal): Promise<MigrationObstacles>
  /** Sent once; answers with its task, which of a guest that HA manages means "requested" only. */
  start(guest: GuestRef & { readonly hastate?: string }, request: MigrationRequest): Promise<string>
  find(
    guest: GuestRef & { readonly hastate?: string },
    since: Date,
    claimed: Claimed,
  ): Promise<string | undefined>
}

/** `disabled` is stopped too, and the only way out of the error state; HA moves it nowhere. */
export type HaState = 'started' | 'stopped' | 'disabled' | 'ignored'

export interface HaResource {
  /** `ct:110`, `vm:130` */
  readonly sid: string
  readonly vmid: number
  /** What HA was asked for. */
  readonly wanted: string
  /** What it says that is so: `started`, `error`, `fence`, `migrate`; absent before it has looked. */
  readonly state?: string
  readonly node?: string
  /** Until PVE 8. */
  readonly group?: string
  readonly maxRestart: number
  readonly maxRelocate: number
}

/** A group of PVE 8, or a rule of PVE 9, in words. */
export interface HaRule {
  readonly name: string
  readonly kind: 'group' | 'node-affinity' | 'resource-affinity'
  /** `ct:110`; empty of a group. */
  readonly resources: readonly string[]
  /** With their priority: `pve:2`; empty of a rule about resources. */
  readonly nodes: readonly string[]
  /** Only there, or only together: never anywhere else. */
  readonly strict: boolean
  /** Of resources: on nodes of their own. */
  readonly apart: boolean
  readonly disabled: boolean
}

export interface HaStatus {
  readonly quorate: boolean
  /** Absent while nothing is managed. */
  readonly master?: string
  /** `pve (active, Mon …)`, one of each node, as HA says it. */
  readonly managers: readonly { readonly node: string; readonly status: string }[]
  readonly resources: readonly HaResource[]
}

export interface HaSettings {
  readonly state: HaState
  readonly maxRestart?: number
  readonly maxRelocate?: number
}

/** Reading needs Sys.Audit on /, changing Sys.Console on /. A change is taken at once, and acted on within some 10 s. */
export interface Ha {
  status(signal?: AbortSignal): Promise<HaStatus>
  /** Groups before PVE 9, rules from then on. */
  rules(signal?: AbortSignal): Promise<readonly HaRule[]>
  /** undefined when HA does not know it. */
  get(guest: GuestRef, signal?: AbortSignal): Promise<HaResource | undefined>
  add(guest: GuestRef, settings: HaSettings): Promise<void>
  set(guest: GuestRef, settings: Partial<HaSettings>): Promise<void>
  remove(guest: GuestRef): Promise<void>
}

export interface ReplicationJob {
  /** `110-0` */
  readonly id: string
  readonly vmid: number
  readonly source?: string
  readonly target: string
  /** A calendar event as systemd writes them: `mon..fri 22:00`. */
  readonly schedule: string
  readonly disabled: boolean
  /** It is to be taken away, and the scheduler has not done it yet. */
  readonly removing: boolean
}

export interface ReplicationState extends ReplicationJob {
  /** 0: never. */
  readonly lastSync: number
  readonly lastTry: number
  readonly nextSync: number
  readonly failures: number
  readonly error?: string
  /** Of the last one that went well. */
  readonly seconds: number
  readonly running: boolean
}

/** Changing needs Datastore.Allocate on /storage. */
export interface Replication {
  /** Those of guests that may be seen. */
  jobs(signal?: AbortSignal): Promise<readonly ReplicationJob[]>
  /** How those of the guests on this node stand. */
  states(node: string, signal?: AbortSignal): Promise<readonly ReplicationState[]>
  add(job: { readonly id: string; readonly target: string; readonly schedule: string }): Promise<void>
  /** Its scheduler runs it within a minute: there is no task. */
  runNow(node: string, id: string): Promise<void>
  /** Marks it: its scheduler takes it away, with the copy unless that is to be kept. */
  remove(id: string, keep: boolean): Promise<void>
}
