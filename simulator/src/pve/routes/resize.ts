/** Larger disks. Facts: PVE's API2/LXC and API2/Qemu, resize_vm. */
import type { Guest, GuestType } from '../../lab/model.ts'
import { bytesOf, sizeIn, storageOf, withSize } from '../disks.ts'
import { die } from '../error.ts'
import { digestOf, guestOf } from '../guests.ts'
import { flag, maybe, oneOf, text } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { permit } from '../route.ts'

const numbered = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

export const disks: Readonly<Record<GuestType, readonly string[]>> = {
  lxc: ['rootfs', ...numbered('mp', 256)],
  qemu: [
    ...numbered('ide', 4),
    ...numbered('scsi', 31),
    ...numbered('virtio', 16),
    ...numbered('sata', 6),
    'efidisk0',
    'tpmstate0',
  ],
}

function resize(call: Call, guest: Guest): string | null {
  const { sim, caller, values } = call
  const { disk = '', size = '', digest } = values
  if (digest !== undefined && digest !== digestOf(guest))
    throw die('detected modified configuration - file changed by other user? Try again.')
  if (guest.lock) throw die(`${guest.type === 'lxc' ? 'CT' : 'VM'} is locked (${guest.lock})`)
  const line = guest.config[disk]
  if (line === undefined) throw die(`disk '${disk}' does not exist`)
  if (line.startsWith('/')) throw die(`Could not determine current size of volume '${line.split(',')[0]}'`)
  const storage = storageOf(line)
  permit(sim, caller, `/storage/${storage}`, ['Datastore.AllocateSpace'])
  const before = sizeIn(line)
  const after = size.startsWith('+') ? before + bytesOf(size) : bytesOf(size)
  if (after < before)
    throw die(guest.type === 'lxc' ? 'unable to shrink disk size' : 'shrinking disks is not supported')
  // Without a task when it is of that size already.
  if (after === before) return null
  sim.journal.change(guest.vmid, 'resize')
  return sim.tasks.start(guest.node, 'resize', String(guest.vmid), caller.id, (task) =>
    sim.power.locked(guest, async () => {
      await task.spend(1, 1_200)
      if (sim.faults.fullStorage.includes(storage))
        throw new Error(
          `zfs error: cannot set property for '${storage}': size is greater than available space`,
        )
      guest.config = { ...guest.config, [disk]: withSize(guest.config[disk] ?? line, after) }
      if (disk === 'rootfs' || guest.type === 'qemu') guest.maxdisk = after
      sim.lab.touch()
    }),
  )
}

const one = (type: GuestType): Route => ({
  verb: 'PUT',
  path: `/nodes/{node}/${type}/{vmid}/resize`,
  params: {
    digest: maybe(text),
    disk: oneOf(...disks[type]),
    size: { type: 'string', pattern: /^\+?\d+(\.\d+)?[KMGT]?$/ },
    ...(type === 'qemu' && { skiplock: flag }),
  },
  allow: {
    path: '/vms/{vmid}',
    privs: ['VM.Config.Disk'],
    ...(type === 'lxc' && { any: true }),
  },
  handle: (call) => resize(call, guestOf(call.sim, type, call.values)),
})

export const resizeRoutes: readonly Route[] = [one('lxc'), one('qemu')]
