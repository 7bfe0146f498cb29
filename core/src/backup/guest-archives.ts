/** The archives that a lab has of a guest, on every storage that a plan of the file saves guests on. */
import { HomelabError } from '../errors.ts'
import type { Lab } from '../inventory/types.ts'
import type { Archive, GuestConfig } from '../proxmox/backup-types.ts'
import { type Mount, mountsOf } from '../proxmox/guest-config.ts'
import type { Proxmox } from '../proxmox/types.ts'
import { gibOf } from './scratch.ts'

export interface ArchivePlace {
  readonly lab: Lab
  readonly proxmox: Proxmox
}

/**
 * @param wanted part of the archive's name, such as its date; default: the newest
 * @throws HomelabError `not-found` with those that there are
 */
export async function archiveOfGuest(
  guest: { readonly vmid: number; readonly node: string; readonly name: string },
  wanted: string | undefined,
  { lab, proxmox }: ArchivePlace,
  signal: AbortSignal,
): Promise<Archive> {
  const storages = new Set(lab.inventory.repositories.flatMap(({ storage }) => storage ?? []))
  const all: Archive[] = []
  for (const storage of storages)
    all.push(...(await proxmox.backups.archives({ node: guest.node, storage, vmid: guest.vmid }, signal)))
  const found = all.filter(({ size }) => size > 0).toSorted((a, b) => b.ctime - a.ctime)
  const archive = wanted === undefined ? found[0] : found.find(({ volid }) => volid.includes(wanted))
  if (archive !== undefined) return archive
  throw new HomelabError(
    'not-found',
    wanted === undefined
      ? `There is no archive of ${guest.name} on ${[...storages].join(', ') || 'any storage of the file'}.`
      : `There is no archive ${wanted} of ${guest.name}.`,
    {
      hint:
        found.length === 0
          ? 'A plan with `method: vzdump` makes them: `backup run`.'
          : `There are ${found
              .slice(0, 5)
              .map(({ volid }) => volid.split('/').at(-1))
              .join(', ')}.`,
    },
  )
}

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
