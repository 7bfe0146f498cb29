/** What is in the archive of a guest, for a restore of it. */
import { HomelabError } from '../errors.ts'
import type { GuestConfig } from '../proxmox/backup-types.ts'
import { type Mount, mountsOf } from '../proxmox/guest-config.ts'
import { gibOf } from './scratch.ts'

/** Where the disks of the archived guest were: where those of a restored one go, unless somebody says otherwise. */
export function storageIn(type: 'lxc' | 'qemu', config: GuestConfig): string | undefined {
  const disk = mountsOf(type, config).find(({ kind, inArchive }) => kind === 'volume' && inArchive)
  return disk?.source.split(':')[0]
}

export interface WithoutHost {
  /** For the restore, instead of the archive's; none when the archive's will do. */
  readonly lines: Readonly<Record<string, string>>
  /** Folders and devices of the host that the archived guest had, by key: `mp0` → `/Apollo/Photos,mp=/photos`. */
  readonly ofHost: Readonly<Record<string, string>>
}

/**
 * A container's volumes anew, without what it had of the host: only root may restore that, and no token is root. With
 * any mount point given, Proxmox leaves out all of the archive's.
 * @throws HomelabError `conflict` when the archive does not say how large a volume was
 */
export function withoutHost(config: GuestConfig, storage: string): WithoutHost {
  const mounts = mountsOf('lxc', config)
  const ofHost = mounts.filter(({ kind }) => kind !== 'volume')
  if (ofHost.length === 0) return { lines: {}, ofHost: {} }
  const lines = mounts
    .filter(({ kind }) => kind === 'volume')
    .map((mount) => [mount.key, anew(mount, storage)])
  return {
    lines: Object.fromEntries(lines) as Record<string, string>,
    ofHost: Object.fromEntries(ofHost.map(({ key }) => [key, config[key] ?? ''])),
  }
}

function anew({ key, target, inArchive, size }: Mount, storage: string): string {
  const gib = gibOf(size)
  if (gib === undefined)
    throw new HomelabError('conflict', `The archive does not say how large ${key} was.`, {
      hint: 'Restore it on the node by `pct restore`, with its sizes.',
    })
  return `${storage}:${gib}${key === 'rootfs' ? '' : `,mp=${target}${inArchive ? ',backup=1' : ''}`}`
}
