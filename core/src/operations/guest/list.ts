import { z } from 'zod'
import { nothingVisible } from '../../inventory/resolve.ts'
import type { Card, Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration, percent } from '../../operation/view.ts'
import { GuestRow } from '../schemas.ts'

const Output = z.object({ guests: z.array(GuestRow), total: z.int() })

export const guestList = defineOperation({
  id: 'guest.list',
  chat: 'guest list',
  title: 'List guests',
  description: 'Containers and VMs with their state and usage, from one call to Proxmox.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    name: z.string().optional().describe('Part of a name or tag').meta({ suggest: 'guests' }),
    state: z
      .enum(['running', 'stopped', 'paused', 'unknown'])
      .optional()
      .describe('Only guests in this state'),
    type: z.enum(['lxc', 'qemu']).optional().describe('Only containers (lxc) or VMs (qemu)'),
    node: z.string().optional().describe('Only guests on this node').meta({ suggest: 'nodes' }),
  }),
  output: Output,
  positional: ['name'],
  examples: ['guest list', 'guest list state:stopped', 'guest list type:qemu'],
  needs: ['lab'],
  run: async ({ name, state, type, node }, { lab }, { signal }) => {
    const overview = await lab.overview({ signal })
    if (overview.filtered) throw nothingVisible(lab.inventory)
    const wanted = name?.toLowerCase()
    const guests = overview.guests.filter(
      (guest) =>
        (wanted === undefined || guest.name.toLowerCase().includes(wanted) || guest.tags.includes(wanted)) &&
        (state === undefined || guest.status === state) &&
        (type === undefined || guest.type === type) &&
        (node === undefined || guest.node === node),
    )
    // Copied where the output is checked, and nowhere before: there may be thousands.
    return { guests: guests as z.input<typeof Output>['guests'], total: overview.guests.length }
  },
  card: ({ guests, total }) => guestsCard(guests, total),
})

function guestsCard(guests: readonly z.infer<typeof GuestRow>[], total: number): Card {
  return {
    title: guests.length === total ? `${total} guests` : `${guests.length} of ${total} guests`,
    tone: 'neutral',
    sections: [
      {
        kind: 'table',
        columns: [
          { name: 'VMID', align: 'right' },
          { name: 'Name' },
          { name: 'State' },
          { name: 'Node' },
          { name: 'CPU', align: 'right' },
          { name: 'Memory', align: 'right' },
          { name: 'Up', align: 'right' },
        ],
        rows: guests.map((guest) => [
          String(guest.vmid),
          guest.template ? `${guest.name} (template)` : guest.name,
          stateCell(guest),
          guest.node,
          guest.status === 'running' ? percent(guest.cpu) : '',
          guest.status === 'running' ? `${bytes(guest.mem)} of ${bytes(guest.maxmem)}` : bytes(guest.maxmem),
          guest.uptime > 0 ? duration(guest.uptime * 1000) : '',
        ]),
      },
    ],
  }
}

export const stateCell = (guest: {
  status: string
  lock?: string | undefined
  template?: boolean
}): Cell => ({
  text: guest.lock === undefined ? guest.status : `${guest.status}, locked: ${guest.lock}`,
  tone:
    guest.status === 'running'
      ? 'ok'
      : guest.status === 'unknown'
        ? 'error'
        : guest.template
          ? 'neutral'
          : 'warning',
})
