/** What a run of provisioning works with; plain JSON, because it is kept with the run. */
import type { Given } from '../operation/types.ts'
import type { NamedBlueprint } from './blueprint.ts'
import type { Machine } from './machine.ts'

export const provisionNeeds = ['lab', 'proxmox', 'health', 'shells', 'clock', 'blueprints'] as const
export const provisionWants = ['network', 'file'] as const
export type ProvisionServices = Given<typeof provisionNeeds, typeof provisionWants>

export interface Found {
  /** Of the service and its guest. */
  readonly name: string
  /** With what was asked for over it. */
  readonly from: NamedBlueprint
  readonly node: string
  /** Where its root disk goes. */
  readonly storage: string
  /** Of the node, for a script's template; left out where none is known. */
  readonly templates?: string
  /** Volume id of a template, VMID of a VM template, or the script's name. */
  readonly source: string
  /** Of a VM: the template that it is cloned from. */
  readonly machine?: Machine
  readonly vmid: number | null
  /** As `net0` of a container has it; of a VM: its bridge, and the address that cloud-init gives it. */
  readonly net: string
  readonly devices: readonly { readonly path: string; readonly uid?: number; readonly gid?: number }[]
  /** Folders of the node that are to be mounted and are not there. */
  readonly absent: readonly string[]
  readonly database: {
    readonly service: string
    readonly guest: { readonly vmid: number; readonly node: string; readonly name: string }
    readonly host: string
    readonly port: number
  } | null
  readonly hostname: string | null
  /** Which plans will save it; empty: none. */
  readonly saved: readonly string[]
  /** A plan by vzdump that is added for it, as homelab.yaml has it. */
  readonly plan: { readonly key: string; readonly entry: { readonly [key: string]: unknown } } | null
  /** Folders of the Prometheus container for targets and rules. */
  readonly watched: {
    readonly guest: { readonly vmid: number; readonly node: string; readonly name: string }
  } | null
  readonly room: {
    /** Its storage is the same one on every node. */
    readonly shared: boolean
    /** Bytes that nobody uses yet, whoever else is about to. */
    readonly memoryFree: number
    readonly diskFree: number
    /** That all disks of a clone take, in bytes; left out: what the blueprint says. */
    readonly disk?: number
  }
  readonly warnings: readonly string[]
}

export interface Provisioned {
  readonly service: string
  readonly title: string
  readonly vmid: number
  readonly type: 'lxc' | 'qemu'
  readonly node: string
  readonly address?: string
  readonly url?: string
  readonly database?: string
  /** Which plans save it. */
  readonly saved: readonly string[]
  readonly watched: boolean
  /** Whether it was asked, and answers. */
  readonly asked: boolean
  /** What was added to homelab.yaml, as a unified diff; absent where there is no file to write. */
  readonly diff?: string
  readonly warnings: readonly string[]
}
