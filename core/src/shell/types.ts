import type { Shell } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'

export interface Shells {
  /** A shell on a Proxmox node. @throws HomelabError `config` when the file has no SSH access for it */
  host(node: string): Shell
  /** A shell inside a running container: `pct exec <vmid> --keep-env 0 -- …` on its node. LXC only. */
  guest(guest: GuestRef): Shell
  /** Whether SSH access to this node is configured at all. */
  has(node: string): boolean
}
