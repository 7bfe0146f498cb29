/** Snapshots of one guest as core sees them; times are seconds since the epoch. */
import type { GuestRef } from './types.ts'

export interface Snapshot {
  readonly name: string
  readonly description: string
  readonly time: number
  /** The snapshot that it was taken after. */
  readonly parent?: string
  /** A VM's memory is in it: it goes on from there instead of booting. */
  readonly vmstate: boolean
  /** `prepare` or `delete`: begun and never finished, of no use. */
  readonly state?: string
}

export interface SnapshotList {
  /** The oldest first. */
  readonly snapshots: readonly Snapshot[]
  /** The one that the guest has gone on from: the newest, or the one of the last rollback. */
  readonly current?: string
  readonly running: boolean
}

export type SnapshotAction = 'create' | 'delete' | 'rollback'

/** Changes are sent once and return the UPID of their task, which `find` looks for after a lost answer. */
export interface Snapshots {
  list(guest: GuestRef, signal?: AbortSignal): Promise<SnapshotList>
  /**
   * Why this guest can have none, by asking Proxmox for the feature first; undefined when it can.
   * A container with a folder of the host never can, nor can a disk on a storage that takes none.
   */
  obstacle(guest: GuestRef, signal?: AbortSignal): Promise<string | undefined>
  /** @param options `vmstate`: with the memory of a running VM; a container refuses it */
  create(
    guest: GuestRef,
    name: string,
    options?: { readonly description?: string; readonly vmstate?: boolean },
  ): Promise<string>
  /** @param force out of the configuration even when its disks' snapshots cannot be removed */
  remove(guest: GuestRef, name: string, force?: boolean): Promise<string>
  /** Stops a running guest at once and does not start it again. */
  rollback(guest: GuestRef, name: string): Promise<string>
  find(
    guest: GuestRef,
    action: SnapshotAction,
    since: Date,
    claimed?: (upid: string) => boolean,
  ): Promise<string | undefined>
}
