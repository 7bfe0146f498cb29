/** Configuration of guests: what an archive of vzdump holds of one, and what a copy of it would reach on the host. */
import type { Json } from '../operation/types.ts'
import type { GuestConfig } from './backup-types.ts'
import type { GuestType } from './types.ts'

export interface Mount {
  /** `rootfs`, `mp0`; of a VM `scsi0` */
  readonly key: string
  readonly kind: 'volume' | 'bind' | 'device'
  /** Volume id, or a path of the host. */
  readonly source: string
  /** Where it is inside the container; empty for the disks of a VM. */
  readonly target: string
  /** Whether vzdump takes it. */
  readonly inArchive: boolean
  /** As written: `8G` */
  readonly size?: string
}

/** `a,b=c` → `b` of it. */
export function option(value: string, name: string): string | undefined {
  const part = value.split(',').find((each) => each.startsWith(`${name}=`))
  return part?.slice(name.length + 1)
}

const isOn = (value: string | undefined): boolean => /^(1|yes|on|true)$/i.test(value ?? '')
const isOff = (value: string | undefined): boolean => /^(0|no|off|false)$/i.test(value ?? '')

function sourceOf(value: string): string {
  const first = value.split(',')[0] ?? ''
  return option(value, 'volume') ?? option(value, 'file') ?? first
}

/** `subvol-1-disk-0` has none, and a VM's disk is no CD, and not the few bytes of its cloud-init. */
const isDisk = (key: string, value: string): boolean =>
  (/^(scsi|virtio|sata|ide)\d+$/.test(key) && option(value, 'media') !== 'cdrom') ||
  key === 'efidisk0' ||
  key === 'tpmstate0'

/**
 * Volumes and mount points. In an archive are: the root file system, a container's volumes with `backup=1`, a VM's disks
 * without `backup=0`. Bind mounts and devices never are.
 */
export function mountsOf(type: GuestType, config: GuestConfig): readonly Mount[] {
  return Object.entries(config).flatMap(([key, value]): readonly Mount[] => {
    const source = sourceOf(value)
    const size = option(value, 'size')
    const sized = size === undefined ? {} : { size }
    if (type === 'qemu') {
      if (!isDisk(key, value) || source === 'none') return []
      const kind = source.startsWith('/') ? 'device' : 'volume'
      return [{ key, kind, source, target: '', inArchive: !isOff(option(value, 'backup')), ...sized }]
    }
    if (key !== 'rootfs' && !/^mp\d+$/.test(key)) return []
    const kind = source.startsWith('/dev/') ? 'device' : source.startsWith('/') ? 'bind' : 'volume'
    const inArchive = key === 'rootfs' || (kind === 'volume' && isOn(option(value, 'backup')))
    return [
      {
        key,
        kind,
        source,
        target: key === 'rootfs' ? '/' : (option(value, 'mp') ?? ''),
        inArchive,
        ...sized,
      },
    ]
  })
}

/** The file's own text, as an archive holds it. */
export function parseConfig(text: string): GuestConfig {
  const lines = new Map<string, string>()
  const add = (key: string, value: string) => {
    const before = lines.get(key)
    lines.set(key, before === undefined ? value : `${before}\n${value}`)
  }
  for (const line of text.split('\n')) {
    // From here on: snapshots and pending changes.
    if (line.startsWith('[')) break
    if (line.startsWith('#')) add('description', decoded(line.slice(1)))
    const [, key, value] = /^([A-Za-z][\w.-]*):\s*(.*?)\s*$/.exec(line) ?? []
    if (key !== undefined && value !== undefined) add(key, value)
  }
  return Object.fromEntries(lines)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What `GET …/config` answers, as the lines that it stands for; its digest is none of them. */
export function configLines(config: Readonly<Record<string, Json>>): GuestConfig {
  const lines: Record<string, string> = {}
  for (const [key, value] of Object.entries(config)) {
    if (key === 'digest' || value === null) continue
    if (key !== 'lxc' || !Array.isArray(value)) {
      lines[key] = typeof value === 'object' ? JSON.stringify(value) : String(value)
      continue
    }
    for (const pair of value) {
      const [name, text] = Array.isArray(pair) ? pair.map(String) : []
      if (name === undefined) continue
      lines[name] = lines[name] === undefined ? (text ?? '') : `${lines[name]}\n${text}`
    }
  }
  return lines
}

/** Lines by which a running guest touches the host or the network, each with its reason; [] for one that is alone. */
export function reachesOut(type: GuestType, config: GuestConfig): readonly string[] {
  const mounts = mountsOf(type, config)
    .filter(({ kind }) => kind !== 'volume')
    .map(({ key, source }) => `${key} is ${source} of the host`)
  const others = Object.entries(config).flatMap(([key, value]) => {
    if (/^net\d+$/.test(key)) return isOn(option(value, 'link_down')) ? [] : [`${key} is on the network`]
    if (/^(dev|hostpci|usb|serial|parallel|virtiofs)\d+$/.test(key) && !/^(socket|spice)/.test(value))
      return [`${key} gives it ${value.split(',')[0] ?? ''}`]
    // A raw line can mount anything; a hook script runs on the host as root.
    // Whose its users are on the node matters only where it has something of that.
    if (key === 'lxc.idmap') return []
    if (key.startsWith('lxc.')) return [`it has the raw line ${key}`]
    return key === 'hookscript' || key === 'args' ? [`it has ${key}`] : []
  })
  return [...mounts, ...others]
}

/**
 * What a restore in place destroys and does not bring back: volumes of the guest as it is now that the archive does not
 * hold. Proxmox removes all volumes of the guest before it unpacks.
 */
export function lostInPlace(type: GuestType, now: GuestConfig, archived: GuestConfig): readonly Mount[] {
  const kept = new Set(
    mountsOf(type, archived)
      .filter(({ inArchive }) => inArchive)
      .map(({ key, target }) => `${key} ${target}`),
  )
  return mountsOf(type, now).filter(
    ({ key, kind, target }) => kind === 'volume' && !kept.has(`${key} ${target}`),
  )
}
