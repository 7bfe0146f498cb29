/** A change of a guest's snapshots: sent once, its task followed, and its end read from the guest and not from the task. */
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import type { Json, Verbs } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { explainSnapshot } from '../../proxmox/snapshot-errors.ts'
import type { SnapshotAction, SnapshotList } from '../../proxmox/snapshot-types.ts'
import type { Proxmox, TaskEnd } from '../../proxmox/types.ts'
import { titleOf } from './row.ts'

export interface SnapshotChange {
  readonly action: SnapshotAction
  readonly name: string
  /** For the progress: `Taking "before" of plex`. */
  readonly doing: string
  act(): Promise<string>
  /** Whether the guest has what was wanted. */
  reached(list: SnapshotList): boolean
  /** `the snapshot is not there` */
  readonly otherwise: string
}

export interface Changed {
  readonly upid: string
  readonly end: TaskEnd
  readonly list: SnapshotList
}

/**
 * A cancel leaves the task to its end: killed midway, it would leave the guest locked and the snapshot half made.
 * @throws HomelabError in plain words when the task failed, `failed` when the guest is not as the task says
 */
export async function changeSnapshots(
  target: Target,
  change: SnapshotChange,
  proxmox: Proxmox,
  verbs: Verbs,
): Promise<Changed> {
  const { guest } = target
  const { action, name } = change
  const step = `${action} ${name}`
  const facts = { guest: titleOf(target), vmid: guest.vmid, name }
  verbs.report({ text: change.doing })
  const upid = await verbs.change<string>(step, {
    act: change.act,
    find: ({ since, claimed }) => proxmox.snapshots.find(guest, action, since, claimed),
  })
  verbs.log(`${step} of ${guestPlace(guest)}: ${upid}`)
  const end = (await verbs.follow<Json>(`${step}: task`, async (signal) => {
    try {
      const report = (progress: Parameters<typeof verbs.report>[0]) => verbs.report(progress)
      return (await proxmox.tasks.wait(upid, { signal, report, mayHaveEnded: true })) as unknown as Json
    } catch (error) {
      throw explainSnapshot(error, facts)
    }
  })) as unknown as TaskEnd
  const list = (await verbs.step(`${step}: look`, async () => {
    const seen = await proxmox.snapshots.list(guest, verbs.signal)
    return seen as unknown as Json
  })) as unknown as SnapshotList
  if (change.reached(list)) return { upid, end, list }
  throw new HomelabError('failed', `The task ended with ${end.exitStatus}, but ${change.otherwise}.`, {
    hint: `\`snapshot list ${guest.vmid}\` shows what is there, \`task log ${upid}\` what was done.`,
    data: { upid, exitStatus: end.exitStatus, log: end.log },
  })
}

/** @throws HomelabError `locked` naming the lock, `conflict` for a template */
export function refuseBusy(target: Target): void {
  const { guest } = target
  if (guest.template)
    throw new HomelabError('conflict', `${titleOf(target)} is a template, which never changes.`, {
      hint: 'Clone it, and work with the clone.',
    })
  if (guest.lock === undefined) return
  throw new HomelabError('locked', `${titleOf(target)} is locked by a running "${guest.lock}".`, {
    hint: `Wait for it: \`task list guest:${guest.vmid} active:true\` shows what holds it.`,
    data: { vmid: guest.vmid, lock: guest.lock },
  })
}
