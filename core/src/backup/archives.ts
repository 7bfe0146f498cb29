/** Whether a job of vzdump left what it was asked for: its task's OK does not say so. */
import { HomelabError } from '../errors.ts'
import type { Archive, BackupRequest, GuestBackup } from '../proxmox/backup-types.ts'
import type { Proxmox } from '../proxmox/types.ts'
import { tryParseUpid } from '../proxmox/upid.ts'

export interface GuestArchive {
  readonly vmid: number
  readonly archive: Archive
  /** What the archive holds, and what it leaves out. */
  readonly log: GuestBackup
}

/**
 * The archive of each guest of a job that ended, from the storage itself, each with a configuration that can be read. A
 * guest that moved to another node meanwhile is passed over by Proxmox without a word.
 * @throws HomelabError `failed` naming the guests without one
 */
export async function archivesOf(
  proxmox: Pick<Proxmox, 'backups'>,
  request: Pick<BackupRequest, 'node' | 'vmids' | 'storage'>,
  upid: string,
  signal?: AbortSignal,
): Promise<readonly GuestArchive[]> {
  const { backups } = proxmox
  const { storage, vmids } = request
  // The guest may have moved before it was saved, and its archive is where its task was.
  const node = tryParseUpid(upid)?.node ?? request.node
  const log = await backups.report(upid, signal)
  const stored = await backups.archives({ node, storage }, signal)
  const found = vmids.flatMap((vmid): GuestArchive[] => {
    const entry = log.find((each) => each.vmid === vmid && each.state === 'done')
    const name = entry?.archive
    const archive = stored.find((each) => name !== undefined && each.volid.endsWith(`/${name}`))
    return entry === undefined || archive === undefined || archive.size === 0
      ? []
      : [{ vmid, archive, log: entry }]
  })
  const missing = vmids.filter((vmid) => !found.some((each) => each.vmid === vmid))
  if (missing.length > 0) {
    throw new HomelabError(
      'failed',
      `The backup job ended, but left no archive of ${missing.join(', ')} on ${storage}.`,
      {
        hint: `Is it still on ${node}? Its task's log says what was done: task log ${upid}`,
        data: { upid, missing },
      },
    )
  }
  for (const { archive } of found) await backups.config({ node, archive: archive.volid }, signal)
  return found
}
