/** A guest and the archive that it is to come back from. Of one that is gone, its archives say all there is. */
import { failureOf } from '../../backup/archive-notes.ts'
import { day } from '../../backup/restore-words.ts'
import { HomelabError } from '../../errors.ts'
import type { Lab } from '../../inventory/types.ts'
import type { GuestConfig } from '../../proxmox/backup-types.ts'
import type { GuestRef, Proxmox } from '../../proxmox/types.ts'
import { archiveName, type FoundArchive, findArchives } from '../archive/find.ts'
import { oneOrGone } from './one.ts'

export interface ArchivedGuest {
  /** What the person would call it. */
  readonly name: string
  /** Of one that is gone: as it was, on a node that has the archive. */
  readonly guest: GuestRef
  readonly gone: boolean
  readonly dependents: readonly string[]
  readonly archive: FoundArchive
  /** The configuration that the archive holds. */
  readonly config: GuestConfig
  /** Storages that may have a newer archive and could not be looked at, with the reason. */
  readonly blind: readonly string[]
}

interface Place {
  readonly lab: Lab
  readonly proxmox: Proxmox
}

/**
 * @param name of a guest or service; a VMID may be that of a guest that is gone
 * @param wanted part of the archive's name, such as its date; default: the newest
 * @throws HomelabError `not-found` with the archives that there are; `conflict` when a guest has the VMID and is not
 * shown
 */
export async function archivedGuest(
  name: string,
  wanted: string | undefined,
  place: Place,
  signal: AbortSignal,
): Promise<ArchivedGuest> {
  const target = await oneOrGone(place.lab, name, signal)
  if (typeof target === 'number') return await goneGuest(target, wanted, place, signal)
  const { vmid, type, node } = target.guest
  const { archive, blind } = await archiveOf(target, wanted, place, signal)
  return {
    name: target.name,
    guest: { vmid, type, node, name: target.guest.name },
    gone: false,
    dependents: target.dependents,
    archive,
    config: await place.proxmox.backups.config({ node, archive: archive.volid }, signal),
    blind,
  }
}

async function goneGuest(
  vmid: number,
  wanted: string | undefined,
  place: Place,
  signal: AbortSignal,
): Promise<ArchivedGuest> {
  // Made a moment ago, or not shown to this login: in neither case is it gone.
  if (!(await place.proxmox.isFree(vmid, signal)))
    throw new HomelabError('conflict', `The VMID ${vmid} is in use by a guest that Proxmox does not show.`, {
      hint: 'It may be new: `guest list` shows it then. Else the token lacks VM.Audit on it.',
    })
  const { archive, blind } = await archiveOf({ vmid }, wanted, place, signal)
  const { node, volid, type } = archive
  if (type === undefined)
    throw new HomelabError('conflict', `${archiveName(volid)} does not say what kind of guest it is of.`, {
      hint: 'Restore it on the node by `pct restore` or `qmrestore`.',
    })
  const config = await place.proxmox.backups.config({ node, archive: volid }, signal)
  const name = (type === 'lxc' ? config.hostname : config.name) ?? String(vmid)
  return { name, guest: { vmid, type, node, name }, gone: true, dependents: [], archive, config, blind }
}

async function archiveOf(
  of: { readonly name: string; readonly guest: GuestRef } | { readonly vmid: number },
  wanted: string | undefined,
  { lab, proxmox }: Place,
  signal: AbortSignal,
): Promise<Pick<ArchivedGuest, 'archive' | 'blind'>> {
  const live = 'guest' in of ? of.guest : undefined
  const named = 'guest' in of ? of.name : `guest ${of.vmid}`
  const planned = [...new Set(lab.inventory.repositories.flatMap(({ storage }) => storage ?? []))]
  // Plans do not tell where one was saved that is gone, nor is there any without a file; one that is named may be anywhere.
  const everywhere = live === undefined || planned.length === 0 || wanted !== undefined
  const storage = everywhere ? undefined : planned
  const { archives, problems } = await findArchives(
    { vmid: 'guest' in of ? of.guest.vmid : of.vmid, storage, node: live?.node },
    { overview: await lab.overview({ signal }), proxmox },
    signal,
  )
  // An archive of a VM is none of a container that has its number now.
  const found = archives.filter(
    ({ size, type }) => size > 0 && (live === undefined || type === undefined || type === live.type),
  )
  const blind = problems.map((problem) => `${problem.storage}: ${problem.why}`)
  const archive = wanted === undefined ? found[0] : found.find(({ volid }) => volid.includes(wanted))
  if (archive !== undefined) return { archive, blind: wanted === undefined ? blind : [] }
  const where = storage?.join(', ') ?? 'any storage'
  const missing =
    wanted === undefined
      ? `There is no archive of ${named} on ${where}.`
      : `There is no archive ${wanted} of ${named}.`
  throw new HomelabError(
    'not-found',
    blind.length === 0 ? missing : `${missing} Not looked at: ${blind.join('; ')}.`,
    { hint: hintFor(live, found) },
  )
}

function hintFor(live: GuestRef | undefined, found: readonly FoundArchive[]): string {
  if (found.length > 0)
    return `There are ${found
      .slice(0, 5)
      .map(({ volid }) => archiveName(volid))
      .join(', ')}.`
  if (live === undefined) return '`guest archives` shows those that there are, of all guests.'
  return `\`guest backup ${live.vmid}\` makes one, and a plan with \`method: vzdump\` does by itself.`
}

/** What the notes of an archive say against it. */
export function failedDrill(archive: FoundArchive): readonly string[] {
  const failed = failureOf(archive)
  if (failed === undefined) return []
  return [
    `The drill of ${archiveName(archive.volid)} failed on ${day(failed)} UTC: an older archive may be the one that comes up (\`archive list guest:${archive.vmid ?? ''}\`).`,
  ]
}
