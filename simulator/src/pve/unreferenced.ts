/**
 * Volumes of guests on storages: those that a configuration names, and those that none does, because a copy goes on or was
 * killed. Facts: PVE's QemuServer and LXC, whose clones write a disk down only when it is copied.
 */
import { isCloudInit } from '../lab/cloud-init.ts'
import type { Guest, Volume } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import { disksIn, sizeIn, storageOf, volumeOf } from './disks.ts'

type Config = Readonly<Record<string, string>>

const contentOf = ({ type }: Guest): string => (type === 'lxc' ? 'rootdir' : 'images')

const volume = (guest: Guest, line: string, ctime: number): Volume => ({
  storage: storageOf(line),
  node: guest.node,
  volid: volumeOf(line),
  content: contentOf(guest),
  format: guest.type === 'lxc' ? 'subvol' : 'raw',
  size: sizeIn(line),
  ctime,
  vmid: guest.vmid,
  notes: undefined,
  protected: false,
})

const linesOf = (guest: Guest, config: Config): readonly string[] => [
  ...disksIn(guest.type, config)
    .map(([, line]) => line)
    .filter((line) => !line.startsWith('/')),
  ...Object.values(config).filter(isCloudInit),
]

/** Of the guests of a node. */
export const referenced = (sim: Sim, node: string): readonly Volume[] =>
  [...sim.lab.guests.values()]
    .filter((guest) => guest.node === node)
    .flatMap((guest) => linesOf(guest, guest.config).map((line) => volume(guest, line, guest.startedAt)))

/** The number that the next disk of a VMID gets: a name that is taken is left out. */
export const firstFree = (sim: Sim, vmid: number): number =>
  Math.max(
    0,
    ...sim.lab.volumes.map(({ volid }) => {
      const [, owner, number] = /-(\d+)-disk-(\d+)$/.exec(volid) ?? []
      return Number(owner) === vmid ? Number(number) + 1 : 0
    }),
  )

/** @returns takes them away again: when a configuration names them, or when they were cleared up */
export function beginDisks(sim: Sim, guest: Guest, config: Config): () => void {
  const made = linesOf(guest, config).map((line) => volume(guest, line, sim.clock.now()))
  for (const each of made) {
    sim.lab.volumes.push(each)
    const storage = sim.lab.storages.find(({ name, node }) => name === each.storage && node === each.node)
    if (storage) storage.used += each.size
  }
  return () => {
    for (const each of made) forget(sim, each)
  }
}

function forget(sim: Sim, gone: Volume): void {
  const index = sim.lab.volumes.indexOf(gone)
  if (index < 0) return
  sim.lab.volumes.splice(index, 1)
  const storage = sim.lab.storages.find(({ name, node }) => name === gone.storage && node === gone.node)
  if (storage) storage.used -= gone.size
}

/** With its disks; `unreferenced`: also those that only their name gives to it. */
export function destroyed(sim: Sim, guest: Guest, unreferenced: boolean): void {
  if (unreferenced)
    for (const each of [...sim.lab.volumes])
      if (each.vmid === guest.vmid && /^(images|rootdir)$/.test(each.content)) forget(sim, each)
  sim.lab.remove(guest)
}
