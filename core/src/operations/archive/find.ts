/** Archives of Proxmox wherever they are: on every storage that keeps some, whether a plan of the file uses it or not. */
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { Archive } from '../../proxmox/backup-types.ts'
import type { Overview, Proxmox } from '../../proxmox/types.ts'

export interface FoundArchive extends Archive {
  readonly node: string
  readonly storage: string
}

export interface ArchiveSearch {
  /** The newest first. */
  readonly archives: readonly FoundArchive[]
  /** Storages that could not be looked at: that none was found there says nothing. */
  readonly problems: readonly { readonly storage: string; readonly node: string; readonly why: string }[]
}

export interface ArchivePlace {
  readonly vmid?: number | undefined
  /** One, or those of a list; default: all. */
  readonly storage?: string | readonly string[] | undefined
  readonly node?: string | undefined
}

const lower = (text: string): string => text.toLowerCase()

export async function findArchives(
  { vmid, storage: only, node: on }: ArchivePlace,
  { overview, proxmox }: { readonly overview: Pick<Overview, 'storages'>; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<ArchiveSearch> {
  const named = only === undefined ? undefined : [only].flat()
  const wanted = named?.map(lower)
  const places = overview.storages.filter(
    ({ storage, node, content }) =>
      content.includes('backup') &&
      (wanted === undefined || wanted.includes(lower(storage))) &&
      (on === undefined || node === on),
  )
  if (places.length === 0)
    throw new HomelabError(
      'not-found',
      `There is no storage ${named?.join(', ') ?? ''} that keeps archives.`.replace('  ', ' '),
      {
        hint: '`storage list` shows what each takes.',
      },
    )
  const shown = new Set(overview.storages.map(({ storage }) => lower(storage)))
  const hidden = (named ?? []).filter((storage) => !shown.has(lower(storage)))
  // What every node has is looked at from one of them, if one can.
  const asked = new Map(
    places
      .toSorted((a, b) => Number(a.status === 'available') - Number(b.status === 'available'))
      .map((place) => [place.shared ? place.storage : `${place.storage} ${place.node}`, place] as const),
  )
  const looks = await Promise.all(
    [...asked.values()].map(async ({ storage, node, status }) => {
      if (status !== 'available')
        return { archives: [], problems: [{ storage, node, why: 'it does not answer' }] }
      try {
        const found = await proxmox.backups.archives(
          { node, storage, ...(vmid === undefined ? {} : { vmid }) },
          signal,
        )
        return {
          archives: found.map((archive): FoundArchive => ({ ...archive, node, storage })),
          problems: [],
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        return { archives: [], problems: [{ storage, node, why: error.message }] }
      }
    }),
  )
  return {
    archives: looks.flatMap(({ archives }) => archives).toSorted((a, b) => b.ctime - a.ctime),
    problems: [
      ...hidden.map((storage) => ({ storage, node: on ?? 'any node', why: 'Proxmox does not show it' })),
      ...looks.flatMap(({ problems }) => problems),
    ],
  }
}

/** `vzdump-lxc-110-2026_11_22-03_00_00.tar.zst` */
export const archiveName = (volid: string): string => volid.split('/').at(-1) ?? volid
