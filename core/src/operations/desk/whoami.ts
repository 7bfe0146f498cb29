import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { roles } from '../../operation/types.ts'

export const whoami = defineOperation({
  id: 'desk.whoami',
  chat: 'whoami',
  title: 'Say who you are here',
  description: 'Your immutable id, as `people` in homelab.yaml wants it, and what you may do.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    id: z.string(),
    name: z.string(),
    role: z.enum([...roles, 'nobody']),
    surface: z.string(),
    commands: z.int(),
  }),
  needs: ['caller', 'commands'],
  run: async (_input, { caller, commands }) => ({
    id: caller.id,
    name: caller.name,
    role: caller.role,
    surface: caller.surface,
    commands: commands.registry.all.filter((operation) => commands.offered(operation.id, caller)).length,
  }),
  card: ({ id, name, role, commands }) => ({
    title: `${name} (${role})`,
    tone: 'neutral',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Id', value: id },
          { name: 'Role', value: role },
          { name: 'May use', value: `${commands} commands` },
        ],
      },
    ],
  }),
})
