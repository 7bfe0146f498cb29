import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Grants } from '../../operation/services.ts'
import { GrantRow, grantRow, whatOf } from './row.ts'

const missing = (id: string, grants: Grants): HomelabError =>
  new HomelabError(
    'not-found',
    `No grant "${id.slice(0, 60)}" is in force.${didYouMean(
      id,
      grants.active().map((grant) => grant.id),
    )}`,
    { hint: '`rights list` shows them.' },
  )

export const grantRevoke = defineOperation({
  id: 'grant.revoke',
  chat: 'rights revoke',
  title: 'Take a right back',
  description: 'Ends a grant before its time. What was begun with it goes on.',
  risk: 'change',
  immediate: true,
  rare: true,
  permission: 'admin',
  input: z.object({ grant: z.string().min(1).max(60).describe('Grant, as `rights list` shows it') }),
  output: GrantRow,
  positional: ['grant'],
  examples: ['rights revoke gk4m2x'],
  needs: ['grants', 'commands', 'caller', 'clock'],
  plan: async ({ grant: id }, { grants, commands, clock }) => {
    const found = grants.active().find((grant) => grant.id === id.toLowerCase())
    if (found === undefined) throw missing(id, grants)
    const row = grantRow(found, commands.registry, clock.now())
    return {
      summary: `Take back from ${row.name}: ${whatOf(row)}`,
      steps: [`${row.name} may no longer ${whatOf(row)}, unless the role allows it`],
      affects: [],
      warnings: [],
      locks: [],
      state: { grant: row.id },
    }
  },
  run: async ({ grant: id }, { grants, commands, caller, clock }) => {
    const ended = await grants.revoke(id.toLowerCase(), caller)
    if (ended === undefined) throw missing(id, grants)
    return grantRow(ended, commands.registry, clock.now())
  },
  card: (output) => ({
    title: `Taken back from ${output.name}: ${whatOf(output)}`,
    tone: 'ok',
    footer: `grant ${output.id} · given by ${output.by.name}`,
  }),
})
