import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { planFix, runFix } from '../../tunnel/fix.ts'
import { networkNeeds } from '../../tunnel/types.ts'
import { alarmSections } from './inputs.ts'

export const tunnelFix = defineOperation({
  id: 'tunnel.fix',
  chat: 'tunnel fix',
  title: 'Put one row of the drift right',
  description: 'Shows what it would do first. What is not ours is left to you, and said.',
  risk: 'change',
  permission: 'admin',
  input: z.object({
    row: z.string().min(1).max(400).describe('Row, as `tunnel drift` shows it, or its host name'),
  }),
  output: z.object({
    id: z.string(),
    subject: z.string(),
    done: z.string(),
    alarms: z.array(z.string()).readonly(),
  }),
  positional: ['row'],
  examples: ['tunnel fix dns-missing/jellyfin.harmeetrai.com', 'tunnel fix jellyfin.harmeetrai.com'],
  needs: networkNeeds,
  plan: ({ row }, services, { signal }) => planFix(row, services, signal),
  run: ({ row }, services, verbs) => runFix(row, services, verbs),
  card: ({ subject, done, alarms }) => ({
    title: `${subject} is put right`,
    tone: alarms.length > 0 ? 'error' : 'ok',
    text: done,
    sections: alarmSections(alarms),
    buttons: [{ label: 'Compare again', action: { kind: 'command', text: 'tunnel drift' } }],
  }),
})
