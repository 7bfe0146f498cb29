/** What making a guest from a template and from another guest share: a VMID, and nothing half made left behind. */
import { HomelabError, isHomelabError } from '../../errors.ts'
import { addedStep } from '../../operation/added.ts'
import type { ChangeSpec, Json, Verbs } from '../../operation/types.ts'
import type { Clock } from '../../ports.ts'
import type { GuestRef, Proxmox } from '../../proxmox/types.ts'
import { destroyHalf, disksUnder, sweep } from './leftovers.ts'
import { unlockHint } from './unlock.ts'

export interface MakingServices {
  readonly proxmox: Proxmox
  readonly clock: Clock
}

export type Config = Readonly<Record<string, Json>>

/** Instead of a UPID. */
export const unknownTask = ''

export interface Making {
  /** Default: the next free one. */
  readonly vmid?: number | undefined
  readonly guest: Omit<GuestRef, 'vmid'>
  /** Names the change in the run: `create`, `clone 110`. */
  readonly verb: string
  /** `Making web`, to begin a sentence with. */
  readonly what: string
  act(vmid: number): Promise<string>
  /** `unknownTask`: it is there, and which task made it cannot be told. */
  find(vmid: number, look: Parameters<ChangeSpec<string>['find']>[0]): Promise<string | undefined>
  /** Whether what is there was made by this run, by its configuration: then it goes also when only its task failed. */
  isOurs?(config: Config): boolean
  /** Takes the lock off a guest that was left half made, which no token may. Left out: nobody here is root of its node. */
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
    const begun: Begun = { here: false, looked: false, told: false, whole: false }
    let before: readonly string[] | null = null
    // Known before the change: whatever becomes of it, and of us, is cleared away.
    verbs.undo(`leave nothing half made under ${vmid}`, () =>
      takeAway(guest, { begun, before }, services, making),
    )
    // Of a guest that had this number before: nothing of it is this run's to take away.
    before = await addedStep(verbs, `disks under ${vmid}, try ${attempt}`, null, () =>
      disksBefore(guest, services, verbs.signal),
    )
    verbs.report({ text: `${making.what} as ${vmid}` })
    try {
      begun.upid = await verbs.change<string>(`${making.verb} as ${vmid}, try ${attempt}`, {
        act: async () => {
          begun.here = true
          try {
            const upid = await making.act(vmid)
            begun.told = true
            return upid
          } catch (error) {
            // It may be what this run sent before a restart, and did not see when it looked for it.
            if (!begun.looked || !isTaken(error) || !(await isMade(guest, making, services, verbs.signal)))
              throw error
            return unknownTask
          }
        },
        find: async (look) => {
          begun.looked = true
          return await making.find(vmid, look)
        },
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
    const { upid, told } = begun
    verbs.log(`${making.verb} as ${vmid}: ${upid}`)
    await verbs.follow<Json>(`${making.verb} as ${vmid}: task`, async (signal) => {
      const report = (progress: Parameters<Verbs['report']>[0]) => verbs.report(progress)
      const what = `${making.what} as ${vmid} on ${guest.node}`
      const options = { signal, report, mayHaveEnded: !told, stopOnAbort: true }
      const end = upid === unknownTask ? null : await proxmox.provision.wait(upid, what, options)
      // The task of a clone is its source's: what was found may be that of another clone of it.
      if (!told && making.isOurs !== undefined && !(await isMade(guest, making, services, signal)))
        throw new HomelabError('failed', `${what} came to nothing: its task ended, and it is not there.`, {
          hint: `\`guest show ${vmid}\` shows what is there under its number.`,
          data: { vmid, node: guest.node },
        })
      return end as unknown as Json
    })
    begun.whole = true
    return { guest, upid }
  }
}

/** @returns null when that is not known: a run of before this was asked for may have made the guest already */
async function disksBefore(
  guest: GuestRef,
  { proxmox }: MakingServices,
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const disks = await disksUnder(guest, proxmox, signal)
  if (disks === null) return null
  try {
    return (await proxmox.isFree(guest.vmid, signal)) ? disks : null
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return null
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
  /** It was looked for, because nobody knew whether it had been done. */
  looked: boolean
  /** Its task is what Proxmox answered to this process, and nothing that was found. */
  told: boolean
  upid?: string
  /** Its task ended well: from here on it is somebody's guest. */
  whole: boolean
}

/** Whether Proxmox is not done with making it: its lock is all that its configuration has until then. */
export const isHalfMade = (lock: Json | undefined): boolean => lock === 'create' || lock === 'clone'

/**
 * Waits while something is being made on its node and it has the lock of that: who was killed leaves the lock.
 * @returns whether it is not being made any more
 */
async function settled(
  guest: GuestRef,
  { proxmox, clock }: MakingServices,
  signal: AbortSignal | undefined,
  isOver: () => boolean = () => false,
): Promise<boolean> {
  const isGoingOn = async () =>
    (await proxmox.tasks.list({ node: guest.node, active: true }, signal)).some(
      ({ type, id, exitStatus }) =>
        exitStatus === undefined &&
        (type === 'vzclone' || type === 'qmclone' || (type === 'vzcreate' && id === String(guest.vmid))),
    )
  for (;;) {
    // Asked first: what ends between the two questions has taken its lock off.
    const goesOn = await isGoingOn()
    const config = await configOf(guest, { proxmox })
    if (config === undefined || !isHalfMade(config.lock) || !goesOn) return true
    if (isOver()) return false
    await clock.sleep(500, signal)
  }
}

/** Whether it is there, whole, and made by this run. */
async function isMade(
  guest: GuestRef,
  { isOurs }: Pick<Making, 'isOurs'>,
  services: MakingServices,
  signal: AbortSignal,
): Promise<boolean> {
  if (isOurs === undefined) return false
  await settled(guest, services, signal)
  const config = await configOf(guest, services)
  return config !== undefined && !isHalfMade(config.lock) && isOurs(config)
}

/** Undefined when no such guest is there. */
export async function configOf(
  guest: GuestRef,
  { proxmox }: Pick<MakingServices, 'proxmox'>,
): Promise<Config | undefined> {
  if (await proxmox.isFree(guest.vmid)) return undefined
  try {
    return await proxmox.guestConfig(guest)
  } catch (error) {
    // Of another kind, or on another node: it is somebody else's.
    if (isHomelabError(error) && ['not-found', 'failed'].includes(error.code)) return undefined
    throw error
  }
}

interface Left {
  readonly begun: Begun
  /** Disks under its number before; null when that is not known. */
  readonly before: readonly string[] | null
}

/**
 * Proxmox clears up after a task that failed, and not after one that was killed: its guest stays, locked and without
 * all of its disks. One that is whole is left alone, and so is one of which nobody knows who made it.
 */
async function takeAway(
  guest: GuestRef,
  { begun, before }: Left,
  services: MakingServices,
  { isOurs, unlock }: Pick<Making, 'isOurs' | 'unlock'>,
): Promise<void> {
  const { proxmox, clock } = services
  if (begun.whole) return
  const { upid = unknownTask, told } = begun
  // Nobody knows what became of it: only a mark tells whose it is.
  if (upid === unknownTask && isOurs === undefined) return
  const end = clock.monotonic() + STOP_SECONDS * 1000
  const isOver = () => clock.monotonic() >= end
  const stillMade = () =>
    new HomelabError('timeout', `${guest.vmid} on ${guest.node} is still being made.`, {
      hint: `${upid === unknownTask ? '`task list`' : `\`task stop ${upid}\``}, then \`guest show ${guest.vmid}\`.`,
    })
  while (upid !== unknownTask && (await proxmox.tasks.status(upid)).exitStatus === undefined) {
    if (isOver()) throw stillMade()
    await clock.sleep(300)
  }
  // What was found may be the task of another clone: then its own goes on.
  if (!told && !(await settled(guest, services, undefined, isOver))) throw stillMade()
  const config = await configOf(guest, services)
  if (config === undefined) {
    // It may have been destroyed by this run, which died before its disks were gone.
    if (upid !== unknownTask && before !== null && (await proxmox.isFree(guest.vmid)))
      await sweep(guest, before, proxmox)
    return
  }
  const { lock } = config
  const isHalf = upid !== unknownTask && isHalfMade(lock)
  if (!isHalf && isOurs?.(config) !== true) {
    // Never sent, as far as anybody knows: then it is somebody else's.
    if (!begun.here && !begun.looked && !isHalfMade(lock)) return
    throw new HomelabError('conflict', `${guest.vmid} on ${guest.node} is there and was left alone.`, {
      hint: `It may be whole: \`guest show ${guest.vmid}\`.`,
    })
  }
  // The lock of who made it is on it, and only root goes past that. Any other is of something at work on it, which ends.
  if (typeof lock === 'string' && isHalfMade(lock)) {
    if (unlock === undefined)
      throw new HomelabError(
        'conflict',
        `${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} was left half made, and is locked (${lock}).`,
        { hint: unlockHint(guest), data: { vmid: guest.vmid, node: guest.node, lock } },
      )
    await unlock(guest)
  }
  if (isHalf) return await destroyHalf(guest, before, proxmox)
  await proxmox.tasks.wait(await proxmox.destroy(guest, guest.type === 'lxc' ? { force: true } : {}))
}
