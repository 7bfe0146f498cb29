/**
 * Disks of a guest that was never whole. While it is made, its configuration does not name them: destroyed as any other, it
 * would leave them on their storages for good.
 */
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { GuestRef, Proxmox } from '../../proxmox/types.ts'

/**
 * What the storages of its node have under its VMID, whosever it was.
 * @returns null when that cannot be known: one of them does not answer
 */
export async function disksUnder(
  { vmid, node }: GuestRef,
  proxmox: Proxmox,
  signal?: AbortSignal,
): Promise<readonly string[] | null> {
  try {
    const { storages } = await proxmox.overview(signal)
    const able = storages.filter(
      (each) => each.node === node && each.content.some((kind) => kind === 'images' || kind === 'rootdir'),
    )
    if (able.some(({ status }) => status !== 'available')) return null
    const disks = await Promise.all(
      able.map(({ storage }) => proxmox.provision.disksOf({ node, storage, vmid }, signal)),
    )
    return disks.flat()
  } catch (error) {
    signal?.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return null
  }
}

/**
 * Destroys it with what came onto the storages since `before`, and with nothing else: what was there under a number that
 * nobody had is somebody's rescued data.
 * @throws HomelabError `conflict` when something of it is left, or nobody knows
 */
export async function destroyHalf(
  guest: GuestRef,
  before: readonly string[] | null,
  proxmox: Proxmox,
): Promise<void> {
  const newOnes = async () => (await disksUnder(guest, proxmox))?.filter((each) => !before?.includes(each))
  const made = before === null ? undefined : await newOnes()
  // They were seen, so that none was there before is known and not only hidden.
  const unreferenced = before?.length === 0 && made !== undefined && made.length > 0
  const force = guest.type === 'lxc' ? { force: true } : {}
  await proxmox.tasks.wait(
    await proxmox.destroy(guest, { ...force, ...(unreferenced ? { unreferenced } : {}) }),
  )
  const { vmid, node } = guest
  const left = before === null ? undefined : await newOnes()
  if (left === undefined)
    throw new HomelabError(
      'conflict',
      `What the half made ${vmid} left on the storages of ${node} is not known.`,
      {
        hint: `On ${node} as root, for each of its storages: pvesm list STORAGE --vmid ${vmid}`,
        data: { vmid, node },
      },
    )
  for (const volid of left)
    try {
      const upid = await proxmox.provision.removeDisk({ node, volid })
      if (upid !== '') await proxmox.tasks.wait(upid)
    } catch (error) {
      if (!isHomelabError(error)) throw error
      throw new HomelabError('conflict', `${volid} of the half made ${vmid} is left: ${error.message}`, {
        hint: `On ${node} as root: pvesm free ${volid}`,
        data: { vmid, node, disks: left },
        cause: error,
      })
    }
}
