import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { roles } from '../../operation/types.ts'
import { personLines } from '../../rights/index.ts'
import { GrantRow, grantRow, left, whatOf } from '../grant/row.ts'

export const whoami = defineOperation({
  id: 'desk.whoami',
  chat: 'whoami',
  title: 'Say who you are here',
  description: 'Your immutable id, as `people` in homelab.yaml wants it, and what you may do here.',
  risk: 'read',
  permission: 'everyone',
  private: true,
  input: z.object({}),
  output: z.object({
    id: z.string(),
    name: z.string(),
    role: z.enum([...roles, 'nobody']),
    /** Key of `people`. */
    person: z.string().optional(),
    surface: z.string(),
    channel: z.string().optional(),
    /** How many may be used here. */
    commands: z.int(),
    /** What one types for those. */
    may: z.array(z.string()),
    grants: z.array(GrantRow),
    /** What to add to homelab.yaml, for who is not in it. */
    yaml: z.string().optional(),
  }),
  needs: ['caller', 'commands', 'rights', 'clock'],
  run: async (_input, { caller, commands, rights, clock }) => {
    const may = commands.registry.all.filter((operation) => commands.offered(operation.id, caller))
    const yaml = caller.role === 'nobody' ? personLines(caller) : undefined
    return {
      id: caller.id,
      name: caller.name,
      role: caller.role,
      ...(caller.person === undefined ? {} : { person: caller.person }),
      surface: caller.surface,
      ...(caller.channel === undefined ? {} : { channel: caller.channel }),
      commands: may.length,
      may: may.map(({ chat }) => chat),
      grants: rights.held(caller).map((grant) => grantRow(grant, commands.registry, clock.now())),
      ...(yaml === undefined ? {} : { yaml }),
    }
  },
  card: ({ id, name, role, person, channel, may, grants, yaml }) => ({
    title: role === 'nobody' ? `${name}, not in homelab.yaml` : `${name} (${role})`,
    tone: 'neutral',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Id', value: id },
          { name: 'Role', value: role === 'nobody' ? 'none' : role },
          ...(person === undefined ? [] : [{ name: 'In the file', value: person }]),
          ...(channel === undefined ? [] : [{ name: 'Channel', value: channel }]),
          { name: 'May use here', value: `${may.length} commands` },
        ],
      },
      { kind: 'text', title: 'What you may use here', text: may.join(', ') },
      ...(grants.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              title: 'For a while',
              items: grants.map((grant) => `${whatOf(grant)}, for ${left(grant)} more (by ${grant.by.name})`),
            },
          ]),
      ...(yaml === undefined
        ? []
        : [
            {
              kind: 'code' as const,
              title: 'An admin can add this to homelab.yaml',
              text: yaml,
              keep: 'start' as const,
            },
          ]),
    ],
  }),
})
