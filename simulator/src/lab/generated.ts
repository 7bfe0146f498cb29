/** A cluster of any size, for measurements. The first guests are the home lab's services, so names resolve. */
import type { Random } from '../random.ts'
import type { Contents } from './homelab.ts'
import { homelab, makeGuest } from './homelab.ts'
import type { Guest, Node, Storage } from './model.ts'
import { GB, GiB, MiB, TB } from './model.ts'

const kinds = ['web', 'db', 'cache', 'queue', 'mail', 'build', 'media', 'proxy', 'search', 'metrics'] as const

export function generated(
  size: { readonly guests: number; readonly nodes: number },
  random: Random,
  now: number,
): Contents {
  const base = homelab(now)
  const nodeCount = size.nodes
  const count = Math.max(size.guests, base.guests.length)
  const bootedAt = now - 30 * 86_400_000
  const names = Array.from({ length: nodeCount }, (_, index) => (index === 0 ? 'pve' : `pve${index + 1}`))
  const nodes: readonly Node[] = names.map((name, index) => ({
    name,
    cores: 64,
    memory: 512 * GiB,
    rootfs: { used: 18 * GB, total: 94 * GB },
    cpuModel: 'AMD EPYC 7543 32-Core Processor',
    bootedAt,
    ip: `10.0.0.${index + 10}`,
  }))
  const guests: Guest[] = [...base.guests]
  for (let index = guests.length; index < count; index += 1) {
    const kind = random.pick(kinds)
    guests.push(
      makeGuest({
        vmid: 1000 + index,
        name: `${kind}-${index}`,
        type: index % 5 === 0 ? 'qemu' : 'lxc',
        node: names[index % nodeCount] ?? 'pve',
        cores: 1 + (index % 4),
        memory: (512 << (index % 4)) * MiB,
        disk: (8 + (index % 5) * 8) * GiB,
        tags: [kind],
        ip: `10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`,
        startedAt: bootedAt + random.between(0, 29 * 86_400_000),
        running: random.next() > 0.08,
      }),
    )
  }
  const storages: readonly Storage[] = names.flatMap((node) => [
    {
      name: 'local',
      node,
      plugin: 'dir',
      content: 'backup,iso,vztmpl',
      shared: false,
      used: 18 * GB,
      total: 94 * GB,
    },
    {
      name: 'tesla',
      node,
      plugin: 'zfspool',
      content: 'images,rootdir',
      shared: false,
      used: 2 * TB,
      total: 8 * TB,
    },
  ])
  return { nodes, guests, storages, volumes: base.volumes, services: base.services }
}
