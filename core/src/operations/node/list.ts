import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration, percent, share } from '../../operation/view.ts'

const NodeRow = z.object({
  node: z.string(),
  status: z.enum(['online', 'offline', 'unknown']),
  cpu: z.number(),
  maxcpu: z.number(),
  mem: z.number(),
  maxmem: z.number(),
  disk: z.number(),
  maxdisk: z.number(),
  uptime: z.number(),
  /** Running guests on it. */
  guests: z.int(),
})

export const nodeList = defineOperation({
  id: 'node.list',
  chat: 'node list',
  title: 'List nodes',
  description: 'The Proxmox nodes with their usage.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({ nodes: z.array(NodeRow) }),
  needs: ['lab'],
  run: async (_input, { lab }, { signal }) => {
    const { nodes, guests } = await lab.overview({ signal })
    const running = new Map<string, number>()
    for (const guest of guests) {
      if (guest.status === 'running') running.set(guest.node, (running.get(guest.node) ?? 0) + 1)
    }
    return { nodes: nodes.map((node) => ({ ...node, guests: running.get(node.node) ?? 0 })) }
  },
  card: ({ nodes }) => ({
    title: nodes.length === 1 ? '1 node' : `${nodes.length} nodes`,
    tone: nodes.every((node) => node.status === 'online') ? (nodes.some(hidden) ? 'warning' : 'ok') : 'error',
    ...(nodes.some(hidden) ? { text: usageHidden } : {}),
    sections: [
      {
        kind: 'table',
        columns: [
          { name: 'Node' },
          { name: 'State' },
          { name: 'CPU', align: 'right' },
          { name: 'Memory', align: 'right' },
          { name: 'Root disk', align: 'right' },
          { name: 'Running', align: 'right' },
          { name: 'Up', align: 'right' },
        ],
        rows: nodes.map((node) => [
          node.node,
          { text: node.status, tone: node.status === 'online' ? 'ok' : 'error' },
          hidden(node) ? '–' : `${percent(node.cpu)} of ${node.maxcpu}`,
          hidden(node) ? '–' : `${bytes(node.mem)} of ${bytes(node.maxmem)}`,
          share(node.disk, node.maxdisk),
          String(node.guests),
          hidden(node) ? '–' : duration(node.uptime * 1000),
        ]),
      },
    ],
  }),
})

/** A node that is up has memory: where Proxmox leaves it out, the token may not see it. */
export const hidden = (node: { readonly status: string; readonly maxmem: number }): boolean =>
  node.status === 'online' && node.maxmem === 0

export const usageHidden =
  'Proxmox hides the usage of nodes from this token: it lacks Sys.Audit on /nodes (pveum acl modify /nodes, role PVEAuditor, for the user and the token).'
