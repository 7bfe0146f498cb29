/** What making a guest from a template and from another guest share: a VMID, and nothing half made left behind. */
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { ChangeSpec, Json, Verbs } from '../../operation/types.ts'
import type { Clock } from '../../ports.ts'
import type { GuestRef, Proxmox } from '../../proxmox/types.ts'

export interface MakingServices {
  readonly proxmox: Proxmox
  readonly clock: Clock
}

export interface Making {
  /** Default: the next free one. */
  readonly vmid?: number | undefined
  readonly guest: Omit<GuestRef, 'vmid'>
  /** Names the change in the run: `create`, `clone 110`. */
  readonly verb: string
  /** `Making web`, to begin a sentence with. */
  readonly what: string
  act(vmid: number): Promise<string>
  find(vmid: number, look: Parameters<ChangeSpec<string>['find']>[0]): Promise<string | undefined>
  /** Whether what is there was made by this run, by its configuration: then it goes also when only its task failed. */
  isOurs?(config: Readonly<Record<string, Json>>): boolean
  /** Takes the lock off a VM that was left half made, which no token may. Left out: nobody here is root of its node. */
  unlock?(guest: GuestRef): Promise<void>
}

/** VMIDs that are tried: each was free when it was looked up, and somebody else may be faster. */
const TRIES = 5
/** Seconds that a task which was told to stop gets to end. */
const STOP_SECONDS = 60

/**
 * Makes it and waits for the end of its task. What a task that broke off has left is taken away by an undo.
 * @returns the guest, and the task that made it
 * @throws HomelabError `conflict` when the VMID that was asked for is taken
 */
export async function make(
  making: Making,
  services: MakingServices,
  verbs: Verbs,
): Promise<{ readonly guest: GuestRef; readonly upid: string }> {
  const { proxmox } = services
  for (let attempt = 1; ; attempt += 1) {
    const vmid =
      making.vmid ?? (await verbs.step(`VMID ${attempt}`, () => proxmox.provision.nextFree(verbs.signal)))
    const guest: GuestRef = { ...making.guest, vmid }
    const begun: Begun = { here: false, whole: false }
    // Known before the change: whatever becomes of it, and of us, is cleared away.
    verbs.undo(`leave nothing half made under ${vmid}`, () => takeAway(guest, begun, services, making))
    verbs.report({ text: `${making.what} as ${vmid}` })
    try {
      begun.upid = await verbs.change<string>(`${making.verb} as ${vmid}, try ${attempt}`, {
        act: () => {
          begun.here = true
          return making.act(vmid)
        },
        find: (look) => making.find(vmid, look),
      })
    } catch (error) {
      if (!isTaken(error)) throw error
      // Somebody else's: nothing of it is this run's to take away.
      begun.whole = true
      if (making.vmid !== undefined) throw takenError(vmid, error)
      if (attempt === TRIES) throw error
      verbs.log(`${vmid} was taken meanwhile`)
      continue
    }
    const { upid, here } = begun
    verbs.log(`${making.verb} as ${vmid}: ${upid}`)
    await verbs.follow<Json>(`${making.verb} as ${vmid}: task`, async (signal) => {
      const report = (progress: Parameters<Verbs['report']>[0]) => verbs.report(progress)
      const what = `${making.what} as ${vmid} on ${guest.node}`
      const options = { signal, report, mayHaveEnded: !here, stopOnAbort: true }
      return (await proxmox.provision.wait(upid, what, options)) as unknown as Json
    })
    begun.whole = true
    return { guest, upid }
  }
}

export const takenError = (vmid: number, cause?: unknown): HomelabError =>
  new HomelabError('conflict', `The VMID ${vmid} is taken.`, {
    hint: 'Leave `vmid` out for the next free one.',
    data: { vmid },
    ...(cause === undefined ? {} : { cause }),
  })

const isTaken = (error: unknown): error is HomelabError =>
  isHomelabError(error) &&
  error.code !== 'unclear' &&
  /already exists/.test(`${error.message} ${String(error.data?.text ?? '')}`)

interface Begun {
  /** Sent by this process, not by one before it that died. */
  here: boolean
  upid?: string
  /** Its task ended well: from here on it is somebody's guest. */
  whole: boolean
}

/** Locks that Proxmox writes into the configuration of a guest while it is made. */
const half = ['create', 'clone']

/**
 * Proxmox clears up after a task that failed, and not after one that was killed: its guest stays, locked and without
 * all of its disks. One that is whole is left alone, and so is one of which nobody knows who made it.
 */
async function takeAway(
  guest: GuestRef,
  begun: Begun,
  { proxmox, clock }: MakingServices,
  { isOurs, unlock }: Pick<Making, 'isOurs' | 'unlock'>,
): Promise<void> {
  if (begun.whole) return
  const end = clock.monotonic() + STOP_SECONDS * 1000
  // Sent, and nobody knows what became of it: only a mark tells whose it is, when it is made.
  if (begun.upid === undefined) {
    if (!begun.here || isOurs === undefined) return
    while (!(await proxmox.isFree(guest.vmid)) && (await proxmox.guestStatus(guest)).lock !== undefined) {
      if (clock.monotonic() >= end) break
      await clock.sleep(500)
    }
  }
  while (begun.upid !== undefined && (await proxmox.tasks.status(begun.upid)).exitStatus === undefined) {
    if (clock.monotonic() >= end)
      throw new HomelabError('timeout', `${guest.vmid} on ${guest.node} is still being made.`, {
        hint: `\`task stop ${begun.upid}\`, then \`guest show ${guest.vmid}\`.`,
      })
    await clock.sleep(300)
  }
  if (await proxmox.isFree(guest.vmid)) return
  const { lock } = await proxmox.guestStatus(guest)
  const isHalf = begun.upid !== undefined && lock !== undefined && half.includes(lock)
  if (!isHalf && isOurs?.(await proxmox.guestConfig(guest)) !== true)
    throw new HomelabError('conflict', `${guest.vmid} on ${guest.node} is there and was left alone.`, {
      hint: `It may be whole: \`guest show ${guest.vmid}\`.`,
    })
  // The lock of who made it is on it; for a VM only root may go past that.
  if (guest.type === 'qemu' && lock !== undefined) {
    if (unlock === undefined)
      throw new HomelabError('conflict', `VM ${guest.vmid} was left half made, and is locked (${lock}).`, {
        hint: `On ${guest.node} as root: qm unlock ${guest.vmid} && qm destroy ${guest.vmid}`,
        data: { vmid: guest.vmid, node: guest.node, lock },
      })
    await unlock(guest)
  }
  const upid = await proxmox.destroy(guest, guest.type === 'lxc' ? { force: true } : {})
  await proxmox.tasks.wait(upid)
}
