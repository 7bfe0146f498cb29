/**
 * Disks of a guest that was never whole. While it is made, its configuration does not name them: destroyed as any other, it
 * would leave them on their storages for good.
 */
import { type ErrorCode, HomelabError, isHomelabError } from '../../errors.ts'
import type { GuestRef, Proxmox } from '../../proxmox/types.ts'

/**
 * What the storages of its node have under its VMID, whosever it was.
 * @returns null when that cannot be known: one of them does not answer
 */
export async function disksUnder(
  guest: GuestRef,
  proxmox: Proxmox,
  signal?: AbortSignal,
): Promise<readonly string[] | null> {
  try {
    return await lookUnder(guest, proxmox, signal)
  } catch (error) {
    signal?.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return null
  }
}

/** @returns null when a storage is not there */
async function lookUnder(
  { vmid, node }: GuestRef,
  proxmox: Proxmox,
  signal?: AbortSignal,
): Promise<readonly string[] | null> {
  const { storages } = await proxmox.overview(signal)
  const able = storages.filter(
    (each) => each.node === node && each.content.some((kind) => kind === 'images' || kind === 'rootdir'),
  )
  if (able.some(({ status }) => status !== 'available')) return null
  const disks = await Promise.all(
    able.map(({ storage }) => proxmox.provision.disksOf({ node, storage, vmid }, signal)),
  )
  return disks.flat()
}

/**
 * Destroys it with what came onto the storages since `before`, and with nothing else: what was there under a number that
 * nobody had is somebody's rescued data.
 * @throws HomelabError as `sweep` does, and when it cannot be destroyed
 */
export async function destroyHalf(
  guest: GuestRef,
  before: readonly string[] | null,
  proxmox: Proxmox,
): Promise<void> {
  const made = before === null ? undefined : newOf(await disksUnder(guest, proxmox), before)
  // They were seen, so that none was there before is known and not only hidden.
  const unreferenced = before?.length === 0 && made !== undefined && made.length > 0
  const force = guest.type === 'lxc' ? { force: true } : {}
  await proxmox.tasks.wait(
    await proxmox.destroy(guest, { ...force, ...(unreferenced ? { unreferenced } : {}) }),
  )
  await sweep(guest, before, proxmox)
}

/**
 * Removes what came under the number of a guest that is gone since `before`. It may be called again: what is removed is not
 * found any more.
 * @throws HomelabError `conflict` when something of it is left, or nobody knows; `unreachable`, `timeout`, `locked` and
 * `unclear` where it helps to ask again
 */
export async function sweep(
  guest: GuestRef,
  before: readonly string[] | null,
  proxmox: Proxmox,
): Promise<void> {
  const { vmid, node } = guest
  const unknown = (cause?: HomelabError) =>
    new HomelabError(
      codeOf(cause),
      `What the half made ${vmid} left on the storages of ${node} is not known${cause === undefined ? '.' : `: ${cause.message}`}`,
      {
        hint: `On ${node} as root, for each of its storages: pvesm list STORAGE --vmid ${vmid}`,
        data: { vmid, node },
        ...(cause === undefined ? {} : { cause }),
      },
    )
  if (before === null) throw unknown()
  let left: readonly string[] | undefined
  try {
    left = newOf(await lookUnder(guest, proxmox), before)
  } catch (error) {
    throw isHomelabError(error) ? unknown(error) : error
  }
  if (left === undefined) throw unknown()
  for (const volid of left)
    try {
      const upid = await proxmox.provision.removeDisk({ node, volid })
      if (upid !== '') await proxmox.tasks.wait(upid)
    } catch (error) {
      if (!isHomelabError(error)) throw error
      throw new HomelabError(codeOf(error), `${volid} of the half made ${vmid} is left: ${error.message}`, {
        hint: `On ${node} as root: pvesm free ${volid}`,
        data: { vmid, node, disks: left },
        cause: error,
      })
    }
}

const newOf = (now: readonly string[] | null, before: readonly string[]): readonly string[] | undefined =>
  now?.filter((each) => !before.includes(each))

/** Of what passes, its own: whoever undoes patiently knows by it that it is asked again. */
const codeOf = (error: HomelabError | undefined): ErrorCode =>
  error !== undefined && ['unreachable', 'timeout', 'locked', 'unclear'].includes(error.code)
    ? error.code
    : 'conflict'
