import { z } from 'zod'
import { nothingVisible } from '../../inventory/resolve.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Overview } from '../../proxmox/types.ts'

const kinds = ['guest', 'node', 'storage'] as const

/** One record for each thing, all of one shape: what a kind has not is absent. Bytes, seconds, shares of 1. */
const Resource = z.object({
  /** As Proxmox numbers it: `lxc/110`, `node/pve`, `storage/pve/tesla`. */
  id: z.string(),
  kind: z.enum(kinds),
  name: z.string(),
  node: z.string(),
  status: z.string(),
  /** `lxc` or `qemu` of a guest, the plugin of a storage. */
  type: z.string().optional(),
  vmid: z.int().optional(),
  template: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
  lock: z.string().optional(),
  pool: z.string().optional(),
  hastate: z.string().optional(),
  uptime: z.number().optional(),
  cpu: z.number().optional(),
  maxcpu: z.number().optional(),
  mem: z.number().optional(),
  maxmem: z.number().optional(),
  disk: z.number().optional(),
  maxdisk: z.number().optional(),
  shared: z.boolean().optional(),
  content: z.array(z.string()).optional(),
})
type Resource = z.infer<typeof Resource>

export const clusterResources = defineOperation({
  id: 'cluster.resources',
  chat: 'cluster resources',
  title: 'List everything in the cluster',
  description: 'Guests, nodes and storages as records of one shape, from one call to Proxmox.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    kind: z.enum(kinds).optional().describe('Only guests, nodes or storages'),
    node: z.string().optional().describe('Only what is on this node').meta({ suggest: 'nodes' }),
  }),
  output: z.object({ resources: z.array(Resource) }),
  positional: ['kind'],
  examples: ['cluster resources', 'cluster resources storage'],
  needs: ['lab'],
  run: async ({ kind, node }, { lab }, { signal }) => {
    const overview = await lab.overview({ signal })
    if (overview.filtered) throw nothingVisible(lab.inventory)
    const wanted = recordsOf(overview).filter(
      (each) => (kind === undefined || each.kind === kind) && (node === undefined || each.node === node),
    )
    return { resources: wanted }
  },
  card: ({ resources }) => ({
    title: `${resources.length} resources`,
    tone: 'neutral',
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'Id' }, { name: 'Name' }, { name: 'State' }, { name: 'Node' }],
        rows: resources.map(({ id, name, status, node }) => [id, name, status, node]),
      },
    ],
  }),
})

function recordsOf({ guests, nodes, storages }: Overview): Resource[] {
  return [
    ...nodes.map((each) => ({ id: `node/${each.node}`, kind: 'node' as const, name: each.node, ...each })),
    ...guests.map(({ type, tags, ...each }) => ({
      id: `${type}/${each.vmid}`,
      kind: 'guest' as const,
      ...each,
      type,
      tags: [...tags],
    })),
    ...storages.map(({ storage, node, status, plugin, shared, content, used, total }) => ({
      id: `storage/${node}/${storage}`,
      kind: 'storage' as const,
      name: storage,
      node,
      status,
      type: plugin,
      shared,
      content: [...content],
      disk: used,
      maxdisk: total,
    })),
  ]
}
