import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { one } from '../guest/one.ts'
import { guestInput } from './inputs.ts'
import { guestFields, guestOf, rowsOf, SnapshotRow, timeText } from './row.ts'

export const snapshotList = defineOperation({
  id: 'snapshot.list',
  chat: 'snapshot list',
  title: 'List the snapshots of a guest',
  description: 'The oldest first, and which one the guest has gone on from.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({ guest: guestInput }),
  output: z.object({ ...guestFields, running: z.boolean(), snapshots: z.array(SnapshotRow) }),
  positional: ['guest'],
  examples: ['snapshot list nextcloud'],
  needs: ['lab', 'proxmox'],
  run: async ({ guest }, { lab, proxmox }, { signal }) => {
    const target = await one(lab, guest, signal)
    const list = await proxmox.snapshots.list(target.guest, signal)
    return { ...guestOf(target), running: list.running, snapshots: rowsOf(list) }
  },
  card: ({ guest, vmid, snapshots }) => {
    if (snapshots.length === 0)
      return {
        title: `${guest} has no snapshots`,
        tone: 'neutral',
        buttons: [{ label: 'Take one', action: { kind: 'form', text: `snapshot create ${vmid}` } }],
      }
    return {
      title: `${snapshots.length} ${snapshots.length === 1 ? 'snapshot' : 'snapshots'} of ${guest}`,
      tone: snapshots.some(({ state }) => state !== undefined) ? 'warning' : 'neutral',
      sections: [
        {
          kind: 'table',
          columns: [{ name: 'Taken' }, { name: 'Name' }, { name: 'What for' }, { name: '' }],
          rows: snapshots.map((snapshot) => [
            timeText(snapshot.time),
            snapshot.name,
            snapshot.description,
            notesOn(snapshot),
          ]),
        },
      ],
      footer: 'times in UTC',
    }
  },
})

const notesOn = ({ state, current, vmstate }: SnapshotRow): string | { text: string; tone: 'error' } =>
  state === undefined
    ? [...(current ? ['here'] : []), ...(vmstate ? ['with memory'] : [])].join(', ')
    : { text: 'never finished', tone: 'error' }
