import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { AuditRow, decisionTone, placeOf, timeOf } from './entry.ts'

export const auditShow = defineOperation({
  id: 'audit.show',
  chat: 'audit show',
  title: 'Show an entry of the audit log',
  description: 'All of it: who and where by immutable ids, the plan, the approval, the run and the hash.',
  risk: 'read',
  permission: 'admin',
  rare: true,
  private: true,
  input: z.object({ entry: z.int().min(1).describe('Its number, as `audit list` shows it') }),
  output: AuditRow,
  positional: ['entry'],
  examples: ['audit show 41'],
  needs: ['audit'],
  run: async ({ entry: seq }, { audit }) => {
    const entry = await audit.get(seq)
    if (entry !== undefined) return entry
    const [newest] = await audit.list({ limit: 1 })
    throw new HomelabError('not-found', `The audit log has no entry ${seq}.`, {
      hint:
        newest === undefined
          ? 'It is empty: only changes are in it, and refusals.'
          : `Its newest is ${newest.seq}; \`audit list\` shows the latest.`,
    })
  },
  card: (entry) => ({
    title: `Entry ${entry.seq}: ${entry.decision}`,
    tone: decisionTone(entry),
    sections: [
      { kind: 'code', title: 'Command', text: entry.command, keep: 'start' },
      {
        kind: 'fields',
        fields: [
          { name: 'At', value: `${timeOf(entry)} UTC` },
          { name: 'Who', value: entry.caller.name },
          { name: 'Where', value: placeOf(entry) },
          { name: 'Operation', value: entry.operation },
          ...field('Plan', entry.plan),
          ...field('Approval', entry.approval),
          ...field('Run', entry.run),
          ...field('How it ended', entry.result),
          { name: 'Hash', value: entry.hash ?? 'none: it is older than the chain' },
        ],
      },
    ],
    ...(entry.run === undefined
      ? {}
      : {
          buttons: [{ label: 'Show the run', action: { kind: 'command', text: `run show ${entry.run}` } }],
        }),
  }),
})

const field = (name: string, value: string | undefined) => (value === undefined ? [] : [{ name, value }])
