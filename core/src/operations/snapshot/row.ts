import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import { didYouMean } from '../../nearest.ts'
import { guestPlace } from '../../operation/view.ts'
import type { Snapshot, SnapshotList } from '../../proxmox/snapshot-types.ts'

export const SnapshotRow = z.object({
  name: z.string(),
  description: z.string(),
  /** Seconds since the epoch, by the server's clock. */
  time: z.number(),
  parent: z.string().optional(),
  /** Whether a VM's memory is in it. */
  vmstate: z.boolean(),
  /** Whether the guest has gone on from this one. */
  current: z.boolean(),
  /** `prepare` or `delete`: begun and never finished. */
  state: z.string().optional(),
})
export type SnapshotRow = z.infer<typeof SnapshotRow>

/** What every answer about snapshots says of the guest. */
export const guestFields = {
  guest: z.string(),
  vmid: z.int(),
  type: z.enum(['lxc', 'qemu']),
  node: z.string(),
}

export const guestOf = ({ name, guest }: Target) => ({
  guest: name,
  vmid: guest.vmid,
  type: guest.type,
  node: guest.node,
})

export const rowsOf = ({ snapshots, current }: SnapshotList): SnapshotRow[] =>
  snapshots.map((snapshot) => ({ ...snapshot, current: snapshot.name === current }))

/** @throws HomelabError `not-found` naming the nearest */
export function snapshotNamed(target: Target, { snapshots }: SnapshotList, name: string): Snapshot {
  const found = snapshots.find((snapshot) => snapshot.name === name)
  if (found !== undefined) return found
  const names = snapshots.map((snapshot) => snapshot.name)
  throw new HomelabError(
    'not-found',
    `${titleOf(target)} has no snapshot "${name}".${didYouMean(name, names)}`,
    {
      hint:
        names.length === 0
          ? 'It has none at all.'
          : `\`snapshot list ${target.guest.vmid}\` shows those that it has.`,
    },
  )
}

/** `plex (CT 110 on pve)` */
export const titleOf = ({ name, guest }: Target): string => `${name} (${guestPlace(guest)})`

/** `2026-11-25 22:31` */
export const timeText = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
