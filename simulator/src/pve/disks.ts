/** Disks of guests: made, copied, enlarged; and what their storages can do. Facts: PVE's storage plugins. */

import { isCloudInit } from '../lab/cloud-init.ts'
import type { Guest, GuestType } from '../lab/model.ts'
import { GiB } from '../lab/model.ts'
import type { Sim } from '../sim.ts'

type Config = Readonly<Record<string, string>>

const isDisk = (type: GuestType, key: string, value: string): boolean =>
  type === 'lxc'
    ? key === 'rootfs' || /^mp\d+$/.test(key)
    : /^((scsi|virtio|sata|ide)\d+|efidisk0|tpmstate0)$/.test(key) && !value.includes('media=cdrom')

export const volumeOf = (value: string): string => value.split(',')[0] ?? ''
export const storageOf = (value: string): string => volumeOf(value).split(':')[0] ?? ''
const isOfHost = (value: string): boolean => value.startsWith('/')

/** Key and line of every disk and mount point. */
export const disksIn = (type: GuestType, config: Config): readonly (readonly [string, string])[] =>
  Object.entries(config).filter(([key, value]) => isDisk(type, key, value))

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** `8G` → bytes. */
export function bytesOf(size: string | undefined): number {
  const [, number = '0', unit = ''] = /^\+?(\d+(?:\.\d+)?)([KMGT]?)$/.exec(size ?? '') ?? []
  return Math.round(Number(number) * (units[unit] ?? 1))
}

/** The largest unit that it is a whole number of, as Proxmox writes sizes. */
export function sizeText(bytes: number): string {
  const [unit = '', factor = 1] =
    Object.entries(units)
      .toReversed()
      .find(([, each]) => bytes % each === 0) ?? []
  return `${bytes / factor}${unit}`
}

export const sizeIn = (value: string): number => bytesOf(/(?:^|,)size=([^,]+)/.exec(value)?.[1])

export const withSize = (value: string, bytes: number): string =>
  /(?:^|,)size=/.test(value)
    ? value.replace(/(^|,)size=[^,]+/, `$1size=${sizeText(bytes)}`)
    : `${value},size=${sizeText(bytes)}`

const nameOf = (type: GuestType, vmid: number, number: number): string =>
  `${type === 'lxc' ? 'subvol' : 'vm'}-${vmid}-disk-${number}`

/**
 * `tesla:8` asks for a new disk of 8 GiB: as it is called when it is there.
 * @param first the lowest number that no volume of this VMID has
 */
export function allocated(type: GuestType, vmid: number, config: Config, first = 0): Record<string, string> {
  let number = first
  const made = disksIn(type, config).map(([key, value]) => {
    const [, storage, gib, rest = ''] = /^([\w.-]+):(\d+(?:\.\d+)?)(,.*)?$/.exec(value) ?? []
    if (storage === undefined) return [key, value] as const
    const size = sizeText(Math.round(Number(gib) * GiB))
    const line = `${storage}:${nameOf(type, vmid, number)}${rest},size=${size}`
    number += 1
    return [key, line] as const
  })
  return { ...config, ...Object.fromEntries(made) }
}

/** The disks of another guest: copies on `storage`, or linked to those of the original. */
export function cloned(
  type: GuestType,
  vmid: number,
  config: Config,
  {
    full,
    storage,
    first = 0,
  }: {
    readonly full: boolean
    readonly storage: string | undefined
    /** The lowest number that no volume of this VMID has. */
    readonly first?: number
  },
): Record<string, string> {
  const made = disksIn(type, config).map(([key, value], index) => {
    const number = first + index
    const volume = volumeOf(value)
    const base = full ? '' : `${(volume.split(':')[1] ?? '').replace(/^(subvol|vm)-/, 'base-')}/`
    const line = `${storage ?? storageOf(value)}:${base}${nameOf(type, vmid, number)}`
    return [key, value.replace(volume, line)] as const
  })
  // That of cloud-init is never a copy: it is written anew.
  const drives = Object.entries(config)
    .filter(([, value]) => isCloudInit(value))
    .map(([key, value]) => {
      const volume = volumeOf(value)
      const own = `${storage ?? storageOf(value)}:vm-${vmid}-cloudinit`
      return [key, value.replace(volume, own)] as const
    })
  return { ...config, ...Object.fromEntries(made), ...Object.fromEntries(drives) }
}

/** The disks of a template: clones begin with them, and nothing changes them. */
export const based = (config: Config): Record<string, string> => ({
  ...config,
  ...Object.fromEntries(
    disksIn('qemu', config).map(([key, value]) => [key, value.replace(/:vm-(\d+-disk-)/, ':base-$1')]),
  ),
})

/** What a plugin can do with a disk as it is, of a template, and in a snapshot. */
const features: Readonly<Record<string, Readonly<Record<'clone' | 'copy', readonly string[]>>>> = {
  zfspool: { clone: ['base'], copy: ['base', 'current'] },
  lvmthin: { clone: ['base', 'snap'], copy: ['base', 'current', 'snap'] },
  lvm: { clone: [], copy: ['base', 'current'] },
  dir: { clone: ['base'], copy: ['base', 'current'] },
}

/** Whether every disk can be cloned so. A path of the host never can, and then nothing can. */
export function canClone(
  sim: Sim,
  guest: Guest,
  feature: 'clone' | 'copy',
  snapshot: string | undefined,
): boolean {
  const state = snapshot === undefined ? (guest.template ? 'base' : 'current') : 'snap'
  const config = guest.snapshots.find(({ name }) => name === snapshot)?.config ?? guest.config
  return disksIn(guest.type, config).every(([, value]) => {
    if (isOfHost(value)) return false
    const plugin = sim.lab.storages.find(
      ({ name, node }) => name === storageOf(value) && node === guest.node,
    )?.plugin
    return features[plugin ?? '']?.[feature].includes(state) ?? false
  })
}
