import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration, percent } from '../../operation/view.ts'

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
})

export const nodeShow = defineOperation({
  id: 'node.show',
  chat: 'node show',
  title: 'Show a node',
  description: 'Version, processor, load, memory and root disk of a Proxmox node.',
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
    return { node: name, ...status, loadavg: [...status.loadavg] }
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
        ],
      },
    ],
  }),
})

const use = ({ used, total }: z.infer<typeof Use>): string =>
  total === 0 ? 'none' : `${bytes(used)} of ${bytes(total)} (${percent(used / total)})`
