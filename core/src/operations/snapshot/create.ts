import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { archiveInstead } from '../../proxmox/snapshot-errors.ts'
import type { Proxmox } from '../../proxmox/types.ts'
import { one } from '../guest/one.ts'
import { changeSnapshots, refuseBusy } from './change.ts'
import { guestInput, newName } from './inputs.ts'
import { guestFields, guestOf, SnapshotRow, titleOf } from './row.ts'

const input = z.object({
  guest: guestInput,
  name: newName.describe('Its name: before-upgrade'),
  description: z.string().max(500).optional().describe('What it is for'),
  vmstate: z.boolean().default(false).describe('With the memory of a running VM, to go on from there'),
})

export const snapshotCreate = defineOperation({
  id: 'snapshot.create',
  chat: 'snapshot create',
  title: 'Take a snapshot of a guest',
  description:
    'Keeps its disks and configuration as they are now, on the same storage: to go back to, and no backup. Whether the guest can have one is asked first.',
  risk: 'change',
  permission: 'operator',
  rare: true,
  input,
  output: z.object({ ...guestFields, snapshot: SnapshotRow, upid: z.string(), warnings: z.boolean() }),
  positional: ['guest', 'name', 'description'],
  examples: ['snapshot create nextcloud before-upgrade'],
  needs: ['lab', 'proxmox'],
  async plan({ guest, name, vmstate }, { lab, proxmox }, { signal }): Promise<Plan> {
    const target = await one(lab, guest, signal)
    const running = await refuse(target, name, vmstate, proxmox, signal)
    const isVm = target.guest.type === 'qemu'
    return {
      summary: `Take the snapshot "${name}" of ${titleOf(target)}`,
      steps: [
        isVm && vmstate && running
          ? `Save the memory, the disks and the configuration of ${guestPlace(target.guest)}, which goes slowly meanwhile`
          : `Save the disks and the configuration of ${guestPlace(target.guest)}${running ? ', which stands still for a moment' : ''}`,
      ],
      affects: [],
      warnings: vmstate && !running ? [`${target.name} does not run, so there is no memory to save.`] : [],
      locks: [`guest/${target.guest.vmid}`],
      state: { vmid: target.guest.vmid, node: target.guest.node, name },
    }
  },
  async run({ guest, name, description, vmstate }, { lab, proxmox }, verbs) {
    const target = await one(lab, guest, verbs.signal)
    await verbs.step('feature', async () => {
      await refuse(target, name, vmstate, proxmox, verbs.signal)
      return null
    })
    const { upid, end, list } = await changeSnapshots(
      target,
      {
        action: 'create',
        name,
        doing: `Taking "${name}" of ${target.name}`,
        act: () =>
          proxmox.snapshots.create(target.guest, name, {
            ...(description === undefined ? {} : { description }),
            vmstate,
          }),
        reached: ({ snapshots }) => snapshots.some((each) => each.name === name && each.state === undefined),
        otherwise: `${target.name} has no finished snapshot "${name}"`,
      },
      proxmox,
      verbs,
    )
    const made = list.snapshots.find((each) => each.name === name)
    if (made === undefined) throw new HomelabError('bug', `The snapshot "${name}" was seen and is gone.`)
    return {
      ...guestOf(target),
      snapshot: { ...made, current: list.current === name },
      upid,
      warnings: end.outcome === 'warnings',
    }
  },
  card: ({ guest, vmid, snapshot, upid, warnings }) => ({
    title: `${guest} has the snapshot "${snapshot.name}"`,
    tone: warnings ? 'warning' : 'ok',
    text: `It is on the same storage as the guest: it is no backup, and grows with all that changes. Delete it when it is not needed any more.`,
    buttons: [
      {
        label: 'Roll back',
        style: 'danger',
        action: { kind: 'command', text: `snapshot rollback ${vmid} ${snapshot.name}` },
      },
      {
        label: 'Delete it',
        style: 'danger',
        action: { kind: 'command', text: `snapshot delete ${vmid} ${snapshot.name}` },
      },
    ],
    footer: upid,
  }),
})

/** @returns whether it runs, asked of the guest itself: the overview can be 10 s old */
async function refuse(
  target: Target,
  name: string,
  vmstate: boolean,
  proxmox: Proxmox,
  signal: AbortSignal,
): Promise<boolean> {
  const { guest } = target
  refuseBusy(target)
  if (vmstate && guest.type === 'lxc')
    throw new HomelabError('usage', `${titleOf(target)} is a container: only a VM's memory can be saved.`, {
      hint: 'Leave `vmstate` out.',
    })
  const [obstacle, list] = await Promise.all([
    proxmox.snapshots.obstacle(guest, signal),
    proxmox.snapshots.list(guest, signal),
  ])
  if (obstacle !== undefined)
    throw new HomelabError('conflict', `${titleOf(target)} can have no snapshots: ${obstacle}.`, {
      hint: archiveInstead(guest.vmid),
      data: { vmid: guest.vmid, feature: 'snapshot' },
    })
  if (list.snapshots.some((each) => each.name === name))
    throw new HomelabError('conflict', `${titleOf(target)} has a snapshot "${name}" already.`, {
      hint: 'Take another name, or delete that one first.',
    })
  return list.running
}
