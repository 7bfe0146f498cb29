/** What the Proxmox VE Trigger tells of, and what it remembers between two looks. */
import type { IDataObject } from 'n8n-workflow'

export const eventNames = [
  'guestStateChanged',
  'taskFinished',
  'taskFailed',
  'storageOverThreshold',
  'backupStale',
] as const
export type EventName = (typeof eventNames)[number]

/** One item of the trigger; `event` says which kind it is. */
export type TriggerEvent = { readonly event: EventName } & Readonly<IDataObject>

/** What a look found, and what has to be remembered for the next one. */
export interface Found<M> {
  readonly memory: M
  readonly events: readonly TriggerEvent[]
}

/** Everything that is kept in the workflow's static data. Plain JSON. A part that is absent has not been looked at yet. */
export interface Memory {
  readonly guests?: GuestMemory
  readonly tasks?: TaskMemory
  readonly storages?: StorageMemory
  readonly backups?: BackupMemory
}

/** VMID → its state when it was last known. */
export type GuestMemory = Readonly<Record<string, string>>

export interface TaskMemory {
  /** When the trigger began, in seconds since the epoch: nothing of before is told, of no node. */
  readonly began: number
  /** By node. */
  readonly nodes: Readonly<Record<string, NodeTasks>>
}

export interface NodeTasks {
  /** The end of the newest task that was seen, by the node's clock, in seconds. */
  readonly at: number
  /** UPIDs that ended shortly before that: they are in the next answer again. */
  readonly seen: readonly string[]
}

/** Storages over the threshold that were told of. */
export type StorageMemory = readonly string[]

export interface BackupMemory {
  /** Of the last look, in seconds since the epoch. */
  readonly at: number
  /** VMID → the newest backup that was ever seen, in seconds since the epoch. */
  readonly newest: Readonly<Record<string, number>>
  /** VMID → since when it is known without any. */
  readonly without: Readonly<Record<string, number>>
  /** VMIDs that were told of, until they have a fresh one. */
  readonly told: readonly string[]
}
