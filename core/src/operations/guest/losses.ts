/** What goes with a guest that is deleted, what stays, and what there is to get it back by. */
import type { Lab } from '../../inventory/types.ts'
import type { Json } from '../../operation/types.ts'
import { configLines, mountsOf } from '../../proxmox/guest-config.ts'
import type { GuestRef, Proxmox } from '../../proxmox/types.ts'
import { type FoundArchive, findArchives } from '../archive/find.ts'

export interface Losses {
  /** `tesla:subvol-110-disk-0 (rootfs, 8G)`, also those that are not in use. */
  readonly volumes: readonly string[]
  /** Those of `volumes` that vzdump leaves out of an archive. */
  readonly excluded: readonly string[]
  readonly snapshots: readonly string[]
  /** Folders and devices of the host. */
  readonly kept: readonly string[]
  /** The newest that is not empty. */
  readonly archive?: FoundArchive
  /** Storages that may have an archive and could not be looked at, with the reason. */
  readonly blind: readonly string[]
}

export async function lossesOf(
  guest: GuestRef,
  config: Readonly<Record<string, Json>>,
  { lab, proxmox }: { readonly lab: Lab; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<Losses> {
  const lines = configLines(config)
  const mounts = mountsOf(guest.type, lines)
  const volumes = mounts.filter(({ kind }) => kind === 'volume')
  const words = ({ key, source, size }: (typeof mounts)[number]): string =>
    `${source} (${key}${size === undefined ? '' : `, ${size}`})`
  const unused = Object.entries(lines).filter(([key]) => /^unused\d+$/.test(key))
  const { snapshots } = await proxmox.snapshots.list(guest, signal)
  const overview = await lab.overview({ signal })
  const stores = overview.storages.some(({ content }) => content.includes('backup'))
  const { archives, problems } = stores
    ? await findArchives({ vmid: guest.vmid }, { overview, proxmox }, signal)
    : { archives: [], problems: [] }
  // An archive of a VM is none of a container that had the number before.
  const archive = archives.find(({ size, type }) => size > 0 && (type === undefined || type === guest.type))
  return {
    volumes: [...volumes.map(words), ...unused.map(([key, source]) => `${source} (${key})`)],
    excluded: volumes.filter(({ inArchive }) => !inArchive).map(words),
    snapshots: snapshots.map(({ name }) => name),
    kept: mounts.filter(({ kind }) => kind !== 'volume').map(({ source }) => source),
    ...(archive === undefined ? {} : { archive }),
    blind: problems.map(({ storage, why }) => `${storage}: ${why}`),
  }
}
