import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration, percent } from '../../operation/view.ts'
import { graphicsOf } from './graphics.ts'

const Use = z.object({ used: z.number(), total: z.number() })
const Output = z.object({
  node: z.string(),
  version: z.string(),
  kernel: z.string(),
  uptime: z.number(),
  cpuModel: z.string(),
  cores: z.number(),
  cpu: z.number(),
  loadavg: z.array(z.number()),
  memory: Use,
  swap: Use,
  rootfs: Use,
  /** Absent where the token may not see the hardware. */
  gpus: z
    .array(
      z.object({
        /** `0000:00:02.0` */
        id: z.string(),
        name: z.string(),
      }),
    )
    .optional(),
  /** Guests that are given graphics: `plex (dev0: /dev/dri/renderD128)`. */
  gpuUsers: z.array(z.string()).optional(),
})

export const nodeShow = defineOperation({
  id: 'node.show',
  chat: 'node show',
  title: 'Show a node',
  description: 'Version, processor, load, memory, root disk and graphics of a Proxmox node.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    node: z
      .string()
      .optional()
      .describe('Node; not needed when there is only one')
      .meta({ suggest: 'nodes' }),
  }),
  output: Output,
  positional: ['node'],
  needs: ['lab', 'proxmox'],
  run: async (input, { lab, proxmox }, { signal }) => {
    const names = (await lab.overview({ signal })).nodes.map((node) => node.node)
    const name = input.node ?? (names.length === 1 ? names[0] : undefined)
    if (name === undefined) {
      throw new HomelabError('usage', `Which node? There are ${names.join(', ')}.`, {
        hint: `node show ${names[0] ?? ''}`,
      })
    }
    if (!names.includes(name)) {
      throw new HomelabError('not-found', `No node "${name}".${didYouMean(name, names)}`, {
        hint: '`node list` lists all.',
      })
    }
    const status = await proxmox.nodeStatus(name, signal)
    return {
      node: name,
      ...status,
      loadavg: [...status.loadavg],
      ...(await graphicsOf(name, { lab, proxmox }, signal)),
    }
  },
  card: (node) => ({
    title: node.node,
    tone: 'neutral',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Proxmox VE', value: node.version },
          { name: 'Kernel', value: node.kernel },
          { name: 'Processor', value: `${node.cpuModel}, ${node.cores} threads` },
          { name: 'CPU', value: `${percent(node.cpu)}, load ${node.loadavg.join(' ')}` },
          { name: 'Memory', value: use(node.memory) },
          { name: 'Swap', value: use(node.swap) },
          { name: 'Root disk', value: use(node.rootfs) },
          { name: 'Up for', value: duration(node.uptime * 1000) },
          ...(node.gpus ?? []).map((gpu) => ({ name: 'Graphics', value: `${gpu.name} (${gpu.id})` })),
          ...(node.gpuUsers === undefined || node.gpuUsers.length === 0
            ? []
            : [{ name: 'Used by', value: node.gpuUsers.join(', ') }]),
        ],
      },
    ],
  }),
})

const use = ({ used, total }: z.infer<typeof Use>): string =>
  total === 0 ? 'none' : `${bytes(used)} of ${bytes(total)} (${percent(used / total)})`
