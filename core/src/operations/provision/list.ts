import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { bytes } from '../../operation/view.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

const words = { template: 'template', script: 'helper script', vm: 'VM' } as const

export const blueprintList = defineOperation({
  id: 'blueprint.list',
  chat: 'blueprint list',
  title: 'What can be made',
  description: "The blueprints that come along and those of the lab's own folder, with what each costs.",
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({}),
  output: z.object({
    blueprints: z.array(
      z.object({
        name: z.string(),
        title: z.string(),
        stack: z.string(),
        by: z.enum(['template', 'script', 'vm']),
        cores: z.int(),
        /** MiB */
        memory: z.int(),
        /** GiB */
        disk: z.int(),
        needs: z.array(z.string()),
        /** Of the lab's own folder. */
        own: z.boolean(),
        /** Whether a service of this name is there. */
        there: z.boolean(),
      }),
    ),
  }),
  examples: ['blueprint list'],
  needs: ['lab', 'blueprints'],
  run: async (_input, { lab, blueprints }, { signal }) => {
    const rows = await lab.services({ signal })
    const there = new Set(
      rows.filter(({ target }) => target !== undefined).map(({ name }) => name.toLowerCase()),
    )
    return {
      blueprints: (await blueprints.list()).map(({ name, own, blueprint }) => ({
        name,
        title: blueprint.title,
        stack: blueprint.stack,
        by: blueprint.create.by,
        cores: blueprint.cores,
        memory: blueprint.memory,
        disk: blueprint.disk,
        needs: [...blueprint.needs, ...(blueprint.database === undefined ? [] : ['a database'])],
        own,
        there: there.has(name),
      })),
    }
  },
  card: ({ blueprints }) => ({
    title: `${blueprints.length} blueprints`,
    tone: 'neutral',
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'Name' }, { name: 'From' }, { name: 'Memory' }, { name: 'Disk' }, { name: '' }],
        rows: blueprints.map(({ name, by, memory, disk, there }) => [
          name,
          words[by],
          bytes(memory * MIB),
          bytes(disk * GIB),
          there ? 'is there' : '',
        ]),
      },
    ],
    footer: '`provision NAME` shows the whole plan first',
  }),
})
