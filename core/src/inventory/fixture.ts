/** A lab for tests: guests as Proxmox lists them, and a Proxmox that counts its calls. */
import type { Guest, Overview } from '../proxmox/types.ts'

export const guest = (vmid: number, name: string, more: Partial<Guest> = {}): Guest => ({
  vmid,
  name,
  type: 'lxc',
  node: 'pve',
  status: 'running',
  template: false,
  tags: [],
  uptime: 3600,
  cpu: 0.1,
  maxcpu: 2,
  mem: 1,
  maxmem: 2,
  disk: 1,
  maxdisk: 2,
  ...more,
})

export const overviewOf = (guests: readonly Guest[], more: Partial<Overview> = {}): Overview => ({
  at: '2026-01-01T00:00:00Z',
  nodes: [...new Set(guests.map((each) => each.node))].map((node) => ({
    node,
    status: 'online',
    cpu: 0,
    maxcpu: 8,
    mem: 1,
    maxmem: 2,
    disk: 1,
    maxdisk: 2,
    uptime: 1,
  })),
  guests,
  storages: [],
  filtered: false,
  ...more,
})

/** 10,000 guests on 20 nodes with the names that one finds in labs. */
export function manyGuests(count: number): Guest[] {
  const words = ['web', 'postgres', 'immich', 'plex', 'worker', 'redis', 'build', 'vault', 'media', 'proxy']
  return Array.from({ length: count }, (_, index) =>
    guest(1000 + index, `${words[index % words.length]}-${String(index).padStart(5, '0')}`, {
      node: `pve${(index % 20) + 1}`,
    }),
  )
}
