import type { Guest } from '@homelab/core/proxmox'
import type { BackupMemory, Found, TriggerEvent } from './types.ts'

export interface BackupLook {
  readonly guests: readonly Guest[]
  /** VMID → its newest backup, in seconds since the epoch. */
  readonly newest: ReadonlyMap<number, number>
  /** Whether every storage with backups answered: what is not in the others is gone then, and not only out of sight. */
  readonly complete: boolean
  /** Seconds since the epoch. */
  readonly now: number
  /** Seconds that the newest backup may be old. */
  readonly maxAge: number
}

/**
 * Guests whose newest backup is too old, or that have none, each once until it has a fresh one. A new guest has as long as
 * a backup may be old.
 * @param before absent at the first look, which only learns
 */
export function staleBackups(look: BackupLook, before: BackupMemory | undefined): Found<BackupMemory> {
  const { guests, now, maxAge } = look
  const newest: Record<string, number> = {}
  const without: Record<string, number> = {}
  const told: string[] = []
  const events: TriggerEvent[] = []
  for (const guest of guests) {
    if (guest.template) continue
    const key = String(guest.vmid)
    const last = newestOf(look, before, guest.vmid)
    if (last === undefined) without[key] = withoutSince(before, key, now)
    else newest[key] = last
    const due = last ?? without[key] ?? now
    if (now - due <= maxAge) continue
    told.push(key)
    if (before !== undefined && !before.told.includes(key)) events.push(backupEvent(guest, last, look))
  }
  return { memory: { at: now, newest, without, told }, events }
}

/** Since ever, at the first look. One that had a backup, which was removed, does not get its time again. */
const withoutSince = (before: BackupMemory | undefined, key: string, now: number): number =>
  before === undefined ? 0 : (before.without[key] ?? before.newest[key] ?? now)

function newestOf({ newest, complete }: BackupLook, before: BackupMemory | undefined, vmid: number) {
  const seen = newest.get(vmid)
  if (complete) return seen
  const known = before?.newest[String(vmid)]
  return known === undefined ? seen : Math.max(known, seen ?? 0)
}

export const backupEvent = (
  { vmid, name, type, node }: Guest,
  last: number | undefined,
  { now, maxAge }: Pick<BackupLook, 'now' | 'maxAge'>,
): TriggerEvent => ({
  event: 'backupStale',
  problem: last === undefined ? 'missing' : 'stale',
  vmid,
  name,
  type,
  node,
  lastBackup: last === undefined ? null : new Date(last * 1000).toISOString(),
  ageHours: last === undefined ? null : Math.round((now - last) / 360) / 10,
  maxAgeHours: maxAge / 3600,
})
