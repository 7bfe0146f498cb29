/** What the simulated lab is made of. Sizes are bytes, times milliseconds since the epoch. */
import type { Inside } from './insides.ts'

export type GuestType = 'lxc' | 'qemu'
export type GuestState = 'running' | 'stopped' | 'paused'

export interface Snapshot {
  readonly name: string
  readonly description: string
  readonly time: number
  parent: string | undefined
  readonly config: Readonly<Record<string, string>>
  /** What was installed in it. */
  readonly inside?: Inside | undefined
  /** The memory of a machine is in it. */
  readonly vmstate?: boolean
  /** Begun and not finished. */
  state?: 'prepare' | 'delete' | undefined
}

export interface Guest {
  readonly vmid: number
  readonly type: GuestType
  node: string
  state: GuestState
  startedAt: number
  template: boolean
  /** The lock written in its configuration: `backup`, `snapshot`, `migrate`, … */
  lock: string | undefined
  pool: string | undefined
  /** What the HA manager was asked to keep it in; undefined when it does not know it, `ignored`: not managed. */
  ha: 'started' | 'stopped' | 'disabled' | 'ignored' | undefined
  /** The rest of its entry there. */
  haOptions?: Readonly<Record<string, string>>
  /** Its configuration file: `hostname` or `name`, `memory`, `tags`, `net0`, `mp0`, … */
  config: Record<string, string>
  /** Of a machine: lines that count from its next start on. */
  pending?: Record<string, string> | undefined
  snapshots: Snapshot[]
  /** The snapshot that it has gone on from. */
  parent?: string | undefined
  readonly load: { readonly cpu: number; readonly mem: number; disk: number }
  maxcpu: number
  maxmem: number
  maxdisk: number
  /** Its address in the lab's network; of a machine cloud-init may give it another. */
  ip: string
  /** The service that is on its disk, and on that of each of its clones: one that nobody installs. */
  image?: string | undefined
}

export interface Node {
  readonly name: string
  readonly cores: number
  readonly memory: number
  readonly rootfs: { readonly used: number; readonly total: number }
  readonly cpuModel: string
  readonly bootedAt: number
  readonly ip: string
}

export interface Storage {
  readonly name: string
  readonly node: string
  readonly plugin: string
  readonly content: string
  readonly shared: boolean
  used: number
  readonly total: number
}

export interface Volume {
  readonly storage: string
  readonly node: string
  readonly volid: string
  readonly content: string
  readonly format: string
  readonly size: number
  readonly ctime: number
  readonly vmid: number | undefined
  notes: string | undefined
  /** Of a backup: the guest's configuration at that time. */
  readonly config?: Readonly<Record<string, string>>
  protected: boolean
  /** Of a backup: what was installed in the guest. */
  readonly inside?: Inside | undefined
  /** Of a backup: it ends in the middle, which nobody sees before it is read. */
  readonly truncated?: boolean
}

/** A program in a container that answers on the network. */
export interface Service {
  readonly name: string
  readonly vmid: number
  readonly unit: string
  /** Its usual port inside its container. */
  readonly port: number
  /** Milliseconds from the start of the container to the first answer. */
  readonly startMs: number
}

/** Whether the HA manager starts, stops and moves it, so that tasks only ask for that. */
export const isManaged = ({ ha }: Guest): boolean => ha !== undefined && ha !== 'ignored'

export const nameOf = (guest: Guest): string =>
  guest.config[guest.type === 'lxc' ? 'hostname' : 'name'] ?? String(guest.vmid)

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB
export const GB = 1e9
export const TB = 1e12
