/** The log of vzdump, read: its task ends with "job errors", and why is in the log alone. */
import type { GuestBackup } from './backup-types.ts'

interface Draft {
  vmid: number
  state: GuestBackup['state']
  error?: string
  archive?: string
  included: string[]
  excluded: GuestBackup['excluded'][number][]
}

function note(draft: Draft, line: string): void {
  const archive = /creating (?:vzdump|Proxmox Backup Server) archive '([^']+)'/.exec(line)?.[1]
  if (archive !== undefined) draft.archive = archive.split('/').at(-1) ?? archive
  const mount = /including mount point (\S+) /.exec(line)?.[1] ?? /include disk '([^']+)'/.exec(line)?.[1]
  if (mount !== undefined) draft.included.push(mount)
  const [, key, target, why] =
    /excluding \S+ mount point (\S+) \('([^']*)'\) from backup \(([^)]*)\)/.exec(line) ?? []
  if (key !== undefined) draft.excluded.push({ key, target: target ?? '', why: why ?? '' })
  const disk = /exclude disk '([^']+)'.*\(([^)]*)\)/.exec(line)
  if (disk !== null) draft.excluded.push({ key: disk[1] ?? '', target: '', why: disk[2] ?? '' })
}

/** One entry for each guest that the log names, in its order. */
export function readBackupLog(lines: readonly string[]): readonly GuestBackup[] {
  const drafts: Draft[] = []
  const of = (vmid: string): Draft => {
    const found = drafts.find((draft) => draft.vmid === Number(vmid))
    if (found !== undefined) return found
    const draft: Draft = { vmid: Number(vmid), state: 'unfinished', included: [], excluded: [] }
    drafts.push(draft)
    return draft
  }
  for (const line of lines) {
    const started = /Starting Backup of VM (\d+)/.exec(line)?.[1]
    if (started !== undefined) of(started)
    const [, failed, error] = /ERROR: Backup of VM (\d+) failed - (.*)/.exec(line) ?? []
    if (failed !== undefined) Object.assign(of(failed), { state: 'failed', error: error ?? '' })
    const finished = /Finished Backup of VM (\d+)/.exec(line)?.[1]
    if (finished !== undefined) of(finished).state = 'done'
    const current = drafts.at(-1)
    if (current !== undefined) note(current, line)
  }
  return drafts
}
