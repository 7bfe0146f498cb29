import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'

export const auditVerify = defineOperation({
  id: 'audit.verify',
  chat: 'audit verify',
  title: 'Verify the audit log',
  description:
    'Reads all of it and checks that no entry was changed, taken out, put in or moved. With a hash noted earlier, also that it was not cut short or made anew.',
  risk: 'read',
  permission: 'admin',
  rare: true,
  private: true,
  input: z.object({
    head: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'is the 64 digits that an earlier `audit verify` showed')
      .optional()
      .describe('A hash that an earlier verify showed: it must still be in the log'),
  }),
  output: z.object({
    entries: z.int(),
    head: z.string().optional(),
    broken: z.object({ seq: z.int(), why: z.string() }).optional(),
  }),
  positional: ['head'],
  examples: ['audit verify'],
  needs: ['audit'],
  run: async ({ head }, { audit }, { signal }) =>
    await audit.verify({ ...(head === undefined ? {} : { head }), signal }),
  failed: ({ broken }) => broken !== undefined,
  card: ({ entries, head, broken }, { head: noted }) => {
    if (broken !== undefined) {
      return {
        title: `The audit log is broken at entry ${broken.seq}`,
        tone: 'error',
        text: broken.why,
        sections: [
          {
            kind: 'text',
            title: 'Next step',
            text: `Somebody or something wrote to the file past the bot. Keep a copy of desk.db before anything else. What stands before entry ${broken.seq} is as it was written; what comes after it may be.`,
          },
        ],
        buttons: [
          {
            label: 'Entries around it',
            action: { kind: 'command', text: `audit list limit:10 before:${broken.seq + 5}` },
          },
        ],
      }
    }
    if (head === undefined) {
      return {
        title: entries === 0 ? 'The audit log is empty' : `${entries} entries, all of before the chain`,
        tone: 'neutral',
        text: 'The first change that is asked for begins the chain.',
      }
    }
    return {
      title: entries === 1 ? 'The audit log is whole: 1 entry' : `The audit log is whole: ${entries} entries`,
      tone: 'ok',
      ...(noted === undefined ? {} : { text: 'The hash that was noted is in it.' }),
      sections: [
        { kind: 'code', title: 'Its head, to note somewhere else', text: head, keep: 'start' },
        ...(noted === undefined
          ? [
              {
                kind: 'text' as const,
                text: '`audit verify head:<hash>` tells later whether the log still has all of this.',
              },
            ]
          : []),
      ],
    }
  },
})
