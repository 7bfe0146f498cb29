/** Scratch guests of drills: how one is made harmless, known again, and destroyed. */
import { HomelabError, isHomelabError } from '../errors.ts'
import { isUnclear } from '../operation/change.ts'
import type { Clock } from '../ports.ts'
import type { GuestConfig } from '../proxmox/backup-types.ts'
import { configLines, mountsOf } from '../proxmox/guest-config.ts'
import type { GuestRef, GuestType, Proxmox } from '../proxmox/types.ts'

const TAG = 'homelab-drill'

/** VMIDs that only drills use. */
export interface ScratchRange {
  readonly first: number
  readonly last: number
}
export const scratchRange: ScratchRange = { first: 9_900, last: 9_999 }

const markOf = (run: string): string => `${TAG} run=${run}`

/**
 * Whether a configuration carries our tag and the mark of this run. Nothing else may be destroyed: the VMID alone says
 * nothing, because Proxmox reserves none, and somebody else's guest may have it by now.
 */
export function isScratchOf(config: GuestConfig, run: string): boolean {
  const tags = (config.tags ?? '').split(/[;, ]+/)
  const marks = (config.description ?? '').split('\n').map((line) => line.trim())
  return tags.includes(TAG) && marks.includes(markOf(run))
}

/** GiB out of a `size` of Proxmox; undefined when there is none. */
export const gibOf = (size: string | undefined): number | undefined => {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([KMGT])?$/.exec(size ?? '') ?? []
  if (count === undefined) return undefined
  return (
    Number(count) * { K: 2 ** -20, M: 2 ** -10, G: 1, T: 2 ** 10 }[(unit ?? 'G') as 'K' | 'M' | 'G' | 'T']
  )
}

/** The same card with the cable out, and without its address: the original has that. */
function unplugged(type: GuestType, net: string): string {
  const [first = '', ...others] = net.split(',')
  const parts = type === 'qemu' ? [first.split('=')[0] ?? first, ...others] : [first, ...others]
  return [...parts.filter((part) => !/^(hwaddr|macaddr|link_down)=/.test(part)), 'link_down=1'].join(',')
}

export interface ScratchPlan {
  /** Lines instead of the archive's. */
  readonly lines: Readonly<Record<string, string>>
  /** Lines to take away before it may start: the call that restores cannot. */
  readonly remove: readonly string[]
  /** Mount points that the copy has not: nothing of them is in the archive. */
  readonly leftOut: readonly string[]
}

/**
 * The configuration of a copy that touches nothing: no cable, no folder or device of the host, another name (a second
 * guest called `immich` would make every command to immich ambiguous), no start with the node.
 * @throws HomelabError `conflict` when the archive's guest cannot be made harmless, or has no size of a volume
 */
export function scratchPlan(
  type: GuestType,
  archived: GuestConfig,
  { vmid, run, storage, archive }: { vmid: number; run: string; storage: string; archive: string },
): ScratchPlan {
  const name = `drill-${vmid}`
  const lines: Record<string, string> = {
    tags: TAG,
    description: `${markOf(run)}\nA copy of ${archive} for a restore drill. It is destroyed when that ends.`,
    onboot: '0',
    // The archive's own would keep it from being destroyed.
    protection: '0',
    [type === 'lxc' ? 'hostname' : 'name']: name,
  }
  for (const [key, value] of Object.entries(archived))
    if (/^net\d+$/.test(key)) lines[key] = unplugged(type, value)
  if (type === 'qemu') {
    const taken = Object.keys(archived).filter((key) =>
      /^((hostpci|usb|virtiofs)\d+|args|hookscript)$/.test(key),
    )
    if (taken.length === 0) return { lines, remove: [], leftOut: [] }
    throw new HomelabError(
      'conflict',
      `A copy of this VM would take what the original uses: ${taken.join(', ')}.`,
      {
        hint: 'Such a VM cannot be tried beside its original. Restore it by hand, with these lines taken out.',
      },
    )
  }
  const leftOut: string[] = []
  for (const { key, target, inArchive, size } of mountsOf('lxc', archived)) {
    if (!inArchive) {
      leftOut.push(target)
      continue
    }
    const gib = gibOf(size)
    if (gib === undefined) {
      throw new HomelabError(
        'conflict',
        `The archive does not say how large ${key} is, so it cannot be restored elsewhere.`,
      )
    }
    lines[key] = `${storage}:${gib}${key === 'rootfs' ? '' : `,mp=${target},backup=1`}`
  }
  const remove = Object.keys(archived).filter((key) => /^dev\d+$/.test(key) || key === 'hookscript')
  return { lines, remove, leftOut }
}

export interface ScratchServices {
  readonly proxmox: Proxmox
  readonly clock: Clock
}

/** The configuration as it is now; undefined when no guest has this VMID any more. */
export async function scratchConfig(
  guest: GuestRef,
  { proxmox }: ScratchServices,
): Promise<GuestConfig | undefined> {
  try {
    return configLines(await proxmox.guestConfig(guest))
  } catch (error) {
    if (isHomelabError(error) && error.code === 'not-found' && (await proxmox.isFree(guest.vmid)))
      return undefined
    throw error
  }
}

/** Rounds of stop and destroy: one each, and some for locks of tasks that are just ending. */
const ROUNDS = 20

/**
 * Destroys the scratch guest of this run, whatever state it is in; may be called again. What is left is looked at each
 * time before anything is sent.
 * @returns false when the guest is not this run's: it was left alone
 */
export async function destroyScratch(
  guest: GuestRef,
  run: string,
  services: ScratchServices,
): Promise<boolean> {
  let last: unknown
  for (let round = 0; round < ROUNDS; round += 1) {
    const config = await scratchConfig(guest, services)
    if (config === undefined) return true
    if (!isScratchOf(config, run)) return false
    try {
      await bringDown(guest, services)
    } catch (error) {
      // A lock of a task that was stopped goes a moment later; a state that has changed is looked at anew.
      if (!isHomelabError(error) || !['locked', 'conflict', 'not-found', 'failed'].includes(error.code))
        throw error
      last = error
      await services.clock.sleep(1_000)
    }
  }
  throw new HomelabError(
    'failed',
    `The scratch guest ${guest.vmid} on ${guest.node} could not be destroyed.`,
    {
      hint: `Look at it and destroy it by hand; its notes say "${markOf(run)}".`,
      data: { vmid: guest.vmid, node: guest.node, ofArchive: false },
      cause: last,
    },
  )
}

async function bringDown(guest: GuestRef, services: ScratchServices): Promise<void> {
  const { proxmox } = services
  const prefix = guest.type === 'lxc' ? 'vz' : 'qm'
  const { status } = await proxmox.guestStatus(guest)
  const upid =
    status === 'stopped'
      ? await sent(guest, `${prefix}destroy`, () => proxmox.destroy(guest), services)
      : await sent(guest, `${prefix}stop`, () => proxmox.power(guest, 'stop', { overrule: true }), services)
  await proxmox.tasks.wait(upid, { mayHaveEnded: true })
}

/** Sends once; when the answer is lost, looks for its task. @throws HomelabError `unclear` when it does not show */
async function sent(
  guest: GuestRef,
  type: string,
  act: () => Promise<string>,
  { proxmox, clock }: ScratchServices,
): Promise<string> {
  const since = clock.now()
  try {
    return await act()
  } catch (error) {
    if (!isUnclear(error)) throw error
    for (let look = 0; look < ROUNDS; look += 1) {
      const found = await proxmox.tasks.latest(guest, type, since)
      if (found !== undefined) return found
      await clock.sleep(500)
    }
    throw error
  }
}
