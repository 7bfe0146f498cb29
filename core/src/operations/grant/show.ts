import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { atLeast } from '../../operation/permission.ts'
import { roles } from '../../operation/types.ts'
import { why } from '../../rights/index.ts'
import { GrantRow, grantRow, grantTable } from './row.ts'
import { asCaller, recipient } from './who.ts'

export const rightsShow = defineOperation({
  id: 'rights.show',
  chat: 'rights show',
  title: 'Say who may do what, and why',
  description: 'Your own rights; with a name, those of somebody else, which only admins see.',
  risk: 'read',
  rare: true,
  permission: 'viewer',
  private: true,
  input: z.object({
    who: z
      .string()
      .max(100)
      .optional()
      .describe('A mention, discord:<id>, slack:<id>, or a name of the file'),
  }),
  output: z.object({
    id: z.string(),
    name: z.string(),
    role: z.enum([...roles, 'nobody']),
    rights: z.array(z.object({ command: z.string(), risk: z.string(), why: z.string() })),
    grants: z.array(GrantRow),
  }),
  positional: ['who'],
  examples: ['rights show', 'rights show kid'],
  needs: ['grants', 'rights', 'commands', 'caller', 'lab', 'clock'],
  run: async ({ who }, { grants, rights, commands, caller, lab, clock }) => {
    const other = who === undefined ? undefined : asCaller(recipient(who, lab.inventory))
    const theirs = other === undefined || other.id === caller.id || other.id === `person:${caller.person}`
    if (!theirs && !atLeast(caller.role, 'admin')) {
      throw new HomelabError('denied', 'The rights of others are shown to admins only.', {
        hint: '`rights show` says what you may do.',
        data: { needed: 'admin', role: caller.role, caller: caller.id },
      })
    }
    const subject = theirs ? caller : other
    const active = grants.active()
    return {
      id: subject.id,
      name: subject.name,
      role: subject.role,
      rights: commands.registry.all.flatMap((operation) => {
        if (operation.surfaces?.includes('chat') === false) return []
        const reason = why(operation, subject, lab.inventory, active)
        return reason === undefined ? [] : [{ command: operation.chat, risk: operation.risk, why: reason }]
      }),
      grants: rights.held(subject).map((grant) => grantRow(grant, commands.registry, clock.now())),
    }
  },
  card: ({ name, role, rights, grants }) => ({
    title: `What ${name} may do`,
    tone: 'neutral',
    text: role === 'nobody' ? 'Not in homelab.yaml.' : `Role ${role}.`,
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'Command' }, { name: 'Why' }],
        rows: rights.map(({ command, why: reason }) => [command, reason]),
      },
      ...(grants.length === 0 ? [] : [{ ...grantTable(grants), title: 'For a while' }]),
    ],
    footer: 'Some channels allow less.',
  }),
})
