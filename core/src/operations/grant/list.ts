import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { GrantRow, grantRow, grantTable } from './row.ts'

export const grantList = defineOperation({
  id: 'grant.list',
  chat: 'rights list',
  title: 'List the rights given for a while',
  description: 'Who may do what beyond the role, who gave it and how long it lasts.',
  risk: 'read',
  rare: true,
  permission: 'operator',
  input: z.object({}),
  output: z.object({ grants: z.array(GrantRow) }),
  needs: ['grants', 'commands', 'clock'],
  run: async (_input, { grants, commands, clock }) => ({
    grants: grants.active().map((grant) => grantRow(grant, commands.registry, clock.now())),
  }),
  card: ({ grants }) => ({
    title: grants.length === 0 ? 'No grants' : grants.length === 1 ? '1 grant' : `${grants.length} grants`,
    tone: 'neutral',
    ...(grants.length === 0
      ? { text: 'Everyone has what the file gives them, and no more.' }
      : { sections: [grantTable(grants)] }),
  }),
})
