/** Proxmox VE as core sees it. Facts: the official API schema of PVE 8.4.5; sizes are bytes, times seconds unless named. */
import type { Json, Progress } from '../operation/types.ts'
import type { Backups } from './backup-types.ts'
import type { Cluster, Ha, Migration, Replication } from './cluster-types.ts'
import type { Provision } from './provision-types.ts'
import type { Snapshots } from './snapshot-types.ts'

export type GuestType = 'lxc' | 'qemu'

/** Enough to address a guest; `name` is for people only. */
export interface GuestRef {
  readonly vmid: number
  readonly type: GuestType
  readonly node: string
  readonly name: string
}

/** One guest of `GET /cluster/resources`. */
export interface Guest extends GuestRef {
  readonly status: 'running' | 'stopped' | 'paused' | 'unknown'
  readonly template: boolean
  /** `backup`, `migrate`, `snapshot`, …: why changes are refused at the moment. */
  readonly lock?: string
  readonly tags: readonly string[]
  readonly pool?: string
  readonly hastate?: string
  readonly uptime: number
  /** 0 to 1 of `maxcpu` cores. */
  readonly cpu: number
  readonly maxcpu: number
  readonly mem: number
  readonly maxmem: number
  readonly disk: number
  readonly maxdisk: number
}

export interface Node {
  readonly node: string
  readonly status: 'online' | 'offline' | 'unknown'
  readonly cpu: number
  readonly maxcpu: number
  readonly mem: number
  readonly maxmem: number
  readonly disk: number
  readonly maxdisk: number
  readonly uptime: number
}

export interface Storage {
  readonly storage: string
  readonly node: string
  readonly status: 'available' | 'unknown'
  readonly plugin: string
  readonly shared: boolean
  readonly content: readonly string[]
  readonly used: number
  readonly total: number
}

/** One answer of `/cluster/resources`, from the server's memory: cheap, and up to ~10 s old. */
export interface Overview {
  readonly at: string
  readonly nodes: readonly Node[]
  readonly guests: readonly Guest[]
  readonly storages: readonly Storage[]
  /** True when the answer was empty and the token turns out to see nothing: not the same as an empty lab. */
  readonly filtered: boolean
}

/** `UPID:node:pid:pstart:starttime:type:id:user:`, validated. */
export interface Upid {
  readonly text: string
  readonly node: string
  readonly type: string
  /** VMID, storage or empty. */
  readonly id: string
  readonly user: string
  /** Seconds since the epoch, by the server's clock. */
  readonly startTime: number
}

export interface Task {
  readonly upid: string
  readonly node: string
  readonly type: string
  readonly id: string
  readonly user: string
  readonly startTime: number
  readonly endTime?: number
  /** Absent while it runs. */
  readonly exitStatus?: string
}

export interface TaskEnd {
  readonly upid: string
  /** `warnings` is success: exitstatus `WARNINGS: n`. */
  readonly outcome: 'ok' | 'warnings'
  readonly exitStatus: string
  /** The last lines of its log; [] when it ended OK and neither `onLine` nor `report` was given: not read then. */
  readonly log: readonly string[]
  /** By the server's clock, from its start until its end was noticed. */
  readonly seconds: number
}

export interface WaitOptions {
  readonly signal?: AbortSignal
  readonly report?: (progress: Progress) => void
  readonly onLine?: (line: string) => void
  /** `backup` polls every 5 s; default: 0.3 s for 10 s, then 1 s, then 2 s. */
  readonly pace?: 'interactive' | 'backup'
  /** Ask at once: the task was started some time ago, by a process that is gone. */
  readonly mayHaveEnded?: boolean
  /**
   * Stop the Proxmox task when the signal is aborted by a person or a deadline (a HomelabError `cancelled` or `timeout`).
   * Default false; for any other reason, such as the end of our process, the task goes on.
   */
  readonly stopOnAbort?: boolean
}

export interface TaskFilter {
  readonly node?: string
  readonly vmid?: number
  readonly type?: string
  readonly errors?: boolean
  readonly active?: boolean
  readonly limit?: number
  /** Seconds since the epoch, server clock. */
  readonly since?: number
}

export interface Tasks {
  status(upid: string, signal?: AbortSignal): Promise<Task>
  list(filter: TaskFilter, signal?: AbortSignal): Promise<readonly Task[]>
  /** All lines; an empty log is []. `limit` keeps the last ones. */
  log(
    upid: string,
    options?: { readonly limit?: number; readonly signal?: AbortSignal },
  ): Promise<readonly string[]>
  /**
   * Follows the task on the node named in its UPID until it ended. Its log is followed only for `onLine` and
   * `report`, and then, or when the task did not end OK, read once more at the end. A node that does not
   * answer is waited for, up to 15 minutes.
   * @throws HomelabError `failed`, or `locked`, with `data: {upid, exitStatus, log}` when it ended in an error;
   * the signal's reason when it is aborted
   */
  wait(upid: string, options?: WaitOptions): Promise<TaskEnd>
  stop(upid: string, signal?: AbortSignal): Promise<void>
  /**
   * The newest task of this kind on this guest that our own user started at or after `since`
   * (our clock: the client knows each server's offset from its Date header), running or ended.
   */
  latest(
    guest: GuestRef,
    type: string,
    since: Date,
    claimed?: (upid: string) => boolean,
  ): Promise<string | undefined>
}

export type PowerAction = 'start' | 'stop' | 'shutdown' | 'reboot'

/** HA answers for the guests that it manages: with tasks of its own, and it takes no `overrule`. */
export type PowerTarget = GuestRef & { readonly hastate?: string }

export interface PowerOptions {
  /** Seconds that the guest gets for a clean shutdown. */
  readonly timeout?: number
  /** After that, pull the plug (`forceStop`). */
  readonly force?: boolean
  /** Ends a running shutdown task that holds the lock (`overrule-shutdown`). */
  readonly overrule?: boolean
}

export interface Proxmox {
  /** One call. Names, status, usage of everything. */
  overview(signal?: AbortSignal): Promise<Overview>
  /** Sends the action and returns the task's UPID; never sent twice. @throws HomelabError `unclear` after a lost answer */
  power(guest: PowerTarget, action: PowerAction, options?: PowerOptions): Promise<string>
  /** The UPID type that `power` makes for this guest: `vzreboot`, `qmstart`, or `hastart` when HA manages it. */
  powerTask(guest: PowerTarget, action: PowerAction): string
  guestStatus(guest: GuestRef, signal?: AbortSignal): Promise<GuestStatus>
  guestConfig(guest: GuestRef, signal?: AbortSignal): Promise<Readonly<Record<string, Json>>>
  /** LXC: addresses from `/interfaces`; QEMU: from the agent; without a prefix length; [] when it is not running. */
  guestAddresses(guest: GuestRef, signal?: AbortSignal): Promise<readonly string[]>
  nodeStatus(node: string, signal?: AbortSignal): Promise<NodeStatus>
  storageStatus(node: string, storage: string, signal?: AbortSignal): Promise<StorageStatus>
  /** Its physical disks. Wakes those that sleep. Needs Sys.Audit. */
  disks(node: string, signal?: AbortSignal): Promise<readonly NodeDisk[]>
  /** Packages of the node itself that have a newer version, as of when it last looked. Needs Sys.Modify. */
  updates(node: string, signal?: AbortSignal): Promise<readonly PackageUpdate[]>
  /** What the node itself answers with, and the authority of its cluster. */
  certificates(node: string, signal?: AbortSignal): Promise<readonly NodeCertificate[]>
  version(signal?: AbortSignal): Promise<{ readonly version: string; readonly release: string }>
  /** Averages that Proxmox kept, the oldest first. A row of a time when nothing was collected has `time` alone. */
  history(of: HistorySubject, timeframe: Timeframe, signal?: AbortSignal): Promise<readonly HistoryRow[]>
  /** Whether no guest has this VMID, also none that we may not see. It reserves nothing. */
  isFree(vmid: number, signal?: AbortSignal): Promise<boolean>
  /** Sets and removes lines of its configuration. With a digest it is refused (`conflict`) when the file has changed. */
  configure(
    guest: GuestRef,
    lines: Readonly<Record<string, string>>,
    options?: { readonly remove?: readonly string[]; readonly digest?: string },
  ): Promise<void>
  /**
   * Destroys a stopped guest with its disks and returns the task's UPID (`vzdestroy`, `qmdestroy`).
   * `purge`: also from backup jobs, replication and HA. `force`, containers only: though it runs. `unreferenced`: also
   * disks that only their name gives to this VMID, which may be somebody's rescued data.
   */
  destroy(
    guest: GuestRef,
    options?: { readonly purge?: boolean; readonly force?: boolean; readonly unreferenced?: boolean },
  ): Promise<string>
  readonly tasks: Tasks
  readonly backups: Backups
  readonly cluster: Cluster
  readonly ha: Ha
  readonly migration: Migration
  readonly provision: Provision
  readonly replication: Replication
  readonly snapshots: Snapshots
}

export type HistorySubject =
  | { readonly kind: 'guest'; readonly guest: GuestRef }
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'storage'; readonly node: string; readonly storage: string }

export type Timeframe = 'hour' | 'day' | 'week' | 'month' | 'year'

export interface HistoryRow {
  /** Seconds since the epoch. */
  readonly time: number
  /** `cpu` is 0 to 1, sizes are bytes, `netin` and `netout` bytes a second. */
  readonly [key: string]: number
}

export interface GuestStatus {
  readonly status: string
  readonly uptime: number
  readonly lock?: string
  readonly ha: boolean
}

export interface NodeStatus {
  readonly version: string
  readonly kernel: string
  readonly uptime: number
  readonly cpuModel: string
  readonly cores: number
  /** 0 to 1. */
  readonly cpu: number
  readonly loadavg: readonly number[]
  readonly memory: { readonly used: number; readonly total: number }
  readonly swap: { readonly used: number; readonly total: number }
  readonly rootfs: { readonly used: number; readonly total: number }
}

export interface NodeDisk {
  /** `/dev/sda` */
  readonly disk: string
  readonly model: string
  readonly health: 'passed' | 'failing' | 'unknown'
  /** Percent; absent of a disk that does not wear. */
  readonly lifeLeft?: number
}

export interface PackageUpdate {
  readonly name: string
  /** Absent for one that comes new with another. */
  readonly from?: string
  readonly to: string
  /** `Debian`, `Proxmox`; may be empty. */
  readonly origin: string
}

export interface NodeCertificate {
  /** `pve-ssl.pem`, `pveproxy-ssl.pem`, `pve-root-ca.pem` */
  readonly file: string
  readonly subject: string
  /** Seconds since the epoch; absent when the node could not read it. */
  readonly notAfter?: number
}

export interface StorageStatus {
  readonly storage: string
  readonly type: string
  readonly active: boolean
  readonly enabled: boolean
  readonly shared: boolean
  readonly content: readonly string[]
  readonly used: number
  readonly total: number
}
