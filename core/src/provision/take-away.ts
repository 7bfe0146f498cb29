/** A guest that a run has made is taken away again: stopped, and destroyed with its disks. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Json } from '../operation/types.ts'
import { unlockHint, unlocking } from '../operations/guest/unlock.ts'
import type { Clock, Shell } from '../ports.ts'
import type { GuestRef, Proxmox } from '../proxmox/types.ts'

/** Seconds that a guest which is being made gets to be done, and one that runs to stop. */
export const STOP_SECONDS = 60

export interface TakingServices {
  readonly proxmox: Proxmox
  readonly clock: Clock
  readonly shells: { has(node: string): boolean; host(node: string): Shell }
}

/**
 * When it is ours still.
 * @throws HomelabError `conflict` when the VMID is somebody else's by now, or has a lock that nobody here may take off
 */
export async function takeAway(
  guest: GuestRef,
  services: TakingServices,
  isOurs: (config: Readonly<Record<string, Json>>) => boolean,
): Promise<void> {
  const { proxmox, clock } = services
  if (await proxmox.isFree(guest.vmid)) return
  const end = clock.monotonic() + STOP_SECONDS * 1000
  // Until it is made, its lock is all that its configuration says; what makes it may go on without who asked for it.
  let lock = (await proxmox.guestStatus(guest)).lock
  while (lock === 'create' && clock.monotonic() < end) {
    await clock.sleep(500)
    if (await proxmox.isFree(guest.vmid)) return
    lock = (await proxmox.guestStatus(guest)).lock
  }
  if (!isOurs(await proxmox.guestConfig(guest)))
    throw new HomelabError(
      'conflict',
      `${guest.vmid} on ${guest.node} is not what this run made, and was left alone.`,
      {
        hint: `\`guest show ${guest.vmid}\``,
      },
    )
  await remove(guest, services)
}

/** Whatever it is. @throws HomelabError */
export async function remove(guest: GuestRef, services: TakingServices): Promise<void> {
  const { proxmox } = services
  await stop(guest, services)
  const { lock } = await proxmox.guestStatus(guest)
  if (guest.type === 'lxc' && lock === 'create') {
    await assertNotBeingMade(guest, services)
    await unlock(guest, lock, services)
  }
  const upid = await proxmox.destroy(guest, { purge: true, ...(guest.type === 'lxc' ? { force: true } : {}) })
  await proxmox.tasks.wait(upid)
  if (!(await proxmox.isFree(guest.vmid)))
    throw new HomelabError('failed', `${guest.vmid} is still there.`, {
      hint: `\`guest show ${guest.vmid}\``,
    })
}

/** As far as the token sees the tasks of others. @throws HomelabError `timeout` */
export async function assertNotBeingMade(
  { vmid, node }: Pick<GuestRef, 'vmid' | 'node'>,
  { proxmox }: Pick<TakingServices, 'proxmox'>,
): Promise<void> {
  const tasks = await proxmox.tasks.list({ node, vmid, active: true })
  const isMade = tasks.some(
    ({ type, exitStatus }) => exitStatus === undefined && /^vz(create|restore|clone)$/.test(type),
  )
  if (!isMade) return
  throw new HomelabError('timeout', `${vmid} on ${node} is still being made.`, {
    hint: `\`task list ${vmid}\` shows by whom, then \`guest show ${vmid}\`.`,
    data: { vmid, node },
  })
}

async function stop(guest: GuestRef, { proxmox, clock }: TakingServices): Promise<void> {
  const end = clock.monotonic() + STOP_SECONDS * 1000
  for (;;) {
    const { status } = await proxmox.guestStatus(guest)
    if (status === 'stopped') return
    const upid = await proxmox.power(guest, 'stop')
    await proxmox.tasks.wait(upid).catch((error: unknown) => {
      if (!isHomelabError(error) || clock.monotonic() >= end) throw error
    })
    if (clock.monotonic() >= end)
      throw new HomelabError('timeout', `${guest.name} (${guest.vmid}) does not stop.`, {
        hint: `\`stop ${guest.vmid}\`, then \`guest delete ${guest.vmid} ${guest.name}\`.`,
      })
    await clock.sleep(300)
  }
}

/** What is locked is not destroyed, not even by force: that only means one that runs. No token takes a lock off. */
async function unlock(guest: GuestRef, lock: string, { shells }: TakingServices): Promise<void> {
  const { vmid, node } = guest
  const { unlock } = unlocking(shells, node)
  if (unlock !== undefined) return await unlock(guest)
  throw new HomelabError('conflict', `CT ${vmid} was left half made, and is locked (${lock}).`, {
    hint: unlockHint(guest),
    data: { vmid, node, lock },
  })
}
