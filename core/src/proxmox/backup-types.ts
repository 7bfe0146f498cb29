/** Backups by Proxmox as core sees them; sizes are bytes. */
import type { GuestType, TaskEnd, WaitOptions } from './types.ts'

/** How many archives of each guest stay; all without any. */
export interface PruneRule {
  readonly last?: number
  readonly hourly?: number
  readonly daily?: number
  readonly weekly?: number
  readonly monthly?: number
  readonly yearly?: number
}

export interface BackupRequest {
  readonly node: string
  /** One in most cases: then progress, task and errors are of this one alone. */
  readonly vmids: readonly number[]
  readonly storage: string
  readonly mode: 'snapshot' | 'suspend' | 'stop'
  readonly compress: '0' | 'gzip' | 'lzo' | 'zstd'
  /**
   * What is beyond it is removed as soon as the new archive is there; needs Datastore.Allocate. `none` leaves all where
   * they are, also by the storage's own rule, and needs no right for it.
   */
  readonly prune?: PruneRule | 'keep-all' | 'none'
  /** `{{guestname}}`, `{{vmid}}`, `{{node}}` and `{{cluster}}` are filled in. */
  readonly notes?: string
  readonly protected?: boolean
  /** How long to wait for another backup job of the node. Default of Proxmox: 180. */
  readonly lockWaitMinutes?: number
  /** KiB a second; needs Sys.Modify. */
  readonly bwlimit?: number
}

/** What the log of vzdump says of one guest. */
export interface GuestBackup {
  readonly vmid: number
  readonly state: 'done' | 'failed' | 'unfinished'
  readonly error?: string
  /** Name of the file, which the volume id ends in. */
  readonly archive?: string
  /** Mount points and disks by key: `rootfs`, `mp0`, `scsi0`. */
  readonly included: readonly string[]
  readonly excluded: readonly { readonly key: string; readonly target: string; readonly why: string }[]
}

export interface Archive {
  readonly volid: string
  readonly vmid?: number
  readonly type?: GuestType
  readonly size: number
  /** Seconds since the epoch. */
  readonly ctime: number
  readonly format: string
  /** Their first line: Proxmox lists no more. */
  readonly notes?: string
  readonly protected: boolean
  readonly encrypted: boolean
  /** Of a Proxmox Backup Server: `ok` or `failed`. */
  readonly verification?: string
}

export interface RestoreRequest {
  readonly node: string
  readonly vmid: number
  readonly type: GuestType
  /** Volume id of the archive. */
  readonly archive: string
  /** Where its disks go. */
  readonly storage: string
  /** New MAC addresses. Goes past any `net0` of `config`: Proxmox takes the archive's then. */
  readonly unique?: boolean
  /**
   * Over the guest that has this VMID, which must be stopped. Its volumes are destroyed before the archive is unpacked,
   * also those that are in no archive: see `lostInPlace`.
   */
  readonly force?: boolean
  /** Containers only. */
  readonly unprivileged?: boolean
  /** KiB a second; needs Sys.Modify. */
  readonly bwlimit?: number
  /** Lines instead of the archive's. With any mount point, those of the archive are left out. */
  readonly config?: Readonly<Record<string, string>>
}

type Claimed = (upid: string) => boolean

/** Backups by Proxmox itself. Changes are sent once; the `find…` are for `Verbs.change`. */
export interface Backups {
  /**
   * Starts one job and returns its UPID.
   * @throws HomelabError `conflict` when none of the guests is on this node: Proxmox says OK to that, and does nothing
   */
  start(request: BackupRequest): Promise<string>
  findStart(request: BackupRequest, since: Date, claimed?: Claimed): Promise<string | undefined>
  /** `Tasks.wait` with its error in plain words: `data.guests` says what happened to each guest of a backup. */
  wait(upid: string, options?: WaitOptions): Promise<TaskEnd>
  /** What the task's log says of each guest. */
  report(upid: string, signal?: AbortSignal): Promise<readonly GuestBackup[]>
  /**
   * The archives on a storage, newest first.
   * @throws HomelabError `unauthorised` when there seem to be none because they may not be seen
   */
  archives(
    place: { readonly node: string; readonly storage: string; readonly vmid?: number },
    signal?: AbortSignal,
  ): Promise<readonly Archive[]>
  /** Volume ids of the archives of a guest that a rule has no place for; nothing is removed. */
  over(
    place: {
      readonly node: string
      readonly storage: string
      readonly vmid: number
      readonly type: GuestType
    },
    rule: PruneRule,
    signal?: AbortSignal,
  ): Promise<readonly string[]>
  /** Returns the UPID of the removal, which fails for a protected one. Asked for twice, it does no harm. */
  remove(place: { readonly node: string; readonly archive: string }): Promise<string>
  /** All lines of them, and empty without any; a list has the first line alone. */
  notes(place: { readonly node: string; readonly archive: string }, signal?: AbortSignal): Promise<string>
  /** Safe to repeat. */
  update(
    place: { readonly node: string; readonly archive: string },
    change: { readonly protected?: boolean; readonly notes?: string },
  ): Promise<void>
  /** The configuration that the archive holds, as lines. */
  config(
    place: { readonly node: string; readonly archive: string },
    signal?: AbortSignal,
  ): Promise<GuestConfig>
  /** Restores and returns the UPID; the guest is not started. */
  restore(request: RestoreRequest): Promise<string>
  findRestore(request: RestoreRequest, since: Date, claimed?: Claimed): Promise<string | undefined>
}

/** Lines of a guest's configuration file, snapshots left out; several of one key (`lxc.mount.entry`) on lines of their own. */
export type GuestConfig = Readonly<Record<string, string>>
