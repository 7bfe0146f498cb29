import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { Plan } from '../../operation/types.ts'
import { duration } from '../../operation/view.ts'
import { one } from '../guest/one.ts'
import { changeSnapshots, refuseBusy } from './change.ts'
import { guestInput, nameInput } from './inputs.ts'
import { guestFields, guestOf, snapshotNamed, timeText, titleOf } from './row.ts'

export const snapshotDelete = defineOperation({
  id: 'snapshot.delete',
  chat: 'snapshot delete',
  title: 'Delete a snapshot of a guest',
  description: 'The guest stays as it is now; nobody can go back to that moment any more.',
  risk: 'destructive',
  permission: 'admin',
  rare: true,
  input: z.object({
    guest: guestInput,
    name: nameInput,
    force: z
      .boolean()
      .default(false)
      .describe('Out of the configuration even if its disks cannot be cleaned up'),
  }),
  output: z.object({ ...guestFields, name: z.string(), upid: z.string(), deleted: z.literal(true) }),
  positional: ['guest', 'name'],
  examples: ['snapshot delete nextcloud before-upgrade'],
  needs: ['lab', 'proxmox', 'clock'],
  async plan({ guest, name, force }, { lab, proxmox, clock }, { signal }): Promise<Plan> {
    const target = await one(lab, guest, signal)
    refuseBusy(target)
    const list = await proxmox.snapshots.list(target.guest, signal)
    const snapshot = snapshotNamed(target, list, name)
    const age = duration(Math.max(0, clock.now().getTime() - snapshot.time * 1000))
    return {
      summary: `Delete the snapshot "${name}" of ${titleOf(target)}`,
      steps: [
        `${target.name} stays as it is now`,
        `Nobody can go back to ${timeText(snapshot.time)} UTC (${age} ago) any more`,
      ],
      affects: [],
      warnings: force
        ? [
            'With `force`, what it holds on the storage may stay there and take room, with nobody to know of it.',
          ]
        : [],
      locks: [`guest/${target.guest.vmid}`],
      state: { vmid: target.guest.vmid, node: target.guest.node, name, time: snapshot.time },
    }
  },
  async run({ guest, name, force }, { lab, proxmox }, verbs) {
    const target = await one(lab, guest, verbs.signal)
    await verbs.step('look', async () => {
      refuseBusy(target)
      snapshotNamed(target, await proxmox.snapshots.list(target.guest, verbs.signal), name)
      return null
    })
    const { upid } = await changeSnapshots(
      target,
      {
        action: 'delete',
        name,
        doing: `Deleting "${name}" of ${target.name}`,
        act: () => proxmox.snapshots.remove(target.guest, name, force),
        reached: ({ snapshots }) => !snapshots.some((each) => each.name === name),
        otherwise: `the snapshot "${name}" of ${target.name} is still there`,
      },
      proxmox,
      verbs,
    )
    return { ...guestOf(target), name, upid, deleted: true as const }
  },
  card: ({ guest, name, upid }) => ({
    title: `The snapshot "${name}" of ${guest} is deleted`,
    tone: 'ok',
    footer: upid,
  }),
})
