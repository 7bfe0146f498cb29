import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { bytes, guestPlace, share } from '../../operation/view.ts'

const Row = z.object({
  name: z.string(),
  vmid: z.int(),
  type: z.enum(['lxc', 'qemu']),
  node: z.string(),
  /** Cores or bytes. */
  used: z.number(),
  of: z.number(),
})

export const top = defineOperation({
  id: 'lab.top',
  chat: 'top',
  title: 'Who uses the most',
  description:
    'The running guests that use the most of processor, memory or disk now. One call to Proxmox; of the disks of virtual machines it does not know how full they are.',
  risk: 'read',
  permission: 'viewer',
  // `status` has the summary of it; the tree has no place left.
  rare: true,
  input: z.object({
    metric: z.enum(['cpu', 'memory', 'disk']).default('cpu').describe('Of what'),
    count: z.int().min(1).max(50).default(10).describe('How many'),
  }),
  output: z.object({ metric: z.enum(['cpu', 'memory', 'disk']), running: z.int(), guests: z.array(Row) }),
  positional: ['metric'],
  examples: ['top', 'top memory', 'top disk count:20'],
  needs: ['lab'],
  run: async ({ metric, count }, { lab }, { signal }) => {
    const { guests } = await lab.overview({ signal })
    const running = guests.filter(({ status, template }) => status === 'running' && !template)
    const rows = running.map((guest) => {
      const { vmid, name, type, node, cpu, maxcpu, mem, maxmem, disk, maxdisk } = guest
      const [used, of] = { cpu: [cpu * maxcpu, maxcpu], memory: [mem, maxmem], disk: [disk, maxdisk] }[
        metric
      ] as [number, number]
      return { name, vmid, type, node, used, of }
    })
    return {
      metric,
      running: running.length,
      guests: rows
        .filter(({ used }) => used > 0)
        .sort((a, b) => b.used - a.used || a.vmid - b.vmid)
        .slice(0, count),
    }
  },
  card: ({ metric, running, guests }) => {
    const what = { cpu: 'CPU', memory: 'memory', disk: 'disk' }[metric]
    if (guests.length === 0)
      return {
        title: `Nobody uses ${what}`,
        tone: running === 0 ? 'neutral' : 'warning',
        text:
          running === 0
            ? 'No guest runs.'
            : 'Proxmox says of no guest what it uses: the token may lack VM.Audit on /vms.',
      }
    const amount = (value: number) => (metric === 'cpu' ? `${value.toFixed(2)} cores` : bytes(value))
    return {
      title: `Most ${what}`,
      tone: 'neutral',
      sections: [
        {
          kind: 'table',
          columns: [
            { name: 'Guest' },
            { name: 'Where' },
            { name: 'Uses', align: 'right' },
            { name: 'Of its own', align: 'right' },
          ],
          rows: guests.map((guest) => [
            guest.name,
            guestPlace(guest),
            amount(guest.used),
            share(guest.used, guest.of),
          ]),
        },
      ],
      buttons: guests.slice(0, 3).map(({ name }) => ({
        label: `Graph ${name}`,
        action: { kind: 'command' as const, text: `graph ${name} ${metric} 24h` },
      })),
    }
  },
})
