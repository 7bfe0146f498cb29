import { z } from 'zod'
import { uncovered } from '../../backup/coverage.ts'
import { coverageOf } from '../../backup/covered.ts'
import type { Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'

const Row = z.object({
  kind: z.enum(['guest', 'mount', 'volume', 'database', 'path']),
  name: z.string(),
  where: z.string(),
  covered: z.array(z.string()).readonly(),
  why: z.string().optional(),
  replaceable: z.string().optional(),
})

export const backupCoverage = defineOperation({
  id: 'backup.coverage',
  chat: 'backup coverage',
  title: 'What is in no backup',
  description:
    'Names every guest, bind mount, volume, database and folder that no plan covers. What a plan only seems to cover is named too.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({ all: z.boolean().default(false).describe('Also what is covered, and by which plan') }),
  output: z.object({
    rows: z.array(Row).readonly(),
    unused: z.array(z.string()).readonly(),
    unresolved: z.array(z.object({ plan: z.string(), why: z.string() })).readonly(),
  }),
  examples: ['backup coverage', 'backup coverage all:true'],
  needs: ['lab', 'proxmox', 'shells'],
  run: async (_input, services, { signal }) => coverageOf(services, signal),
  failed: ({ rows, unresolved }) => uncovered(rows).length > 0 || unresolved.length > 0,
  card: ({ rows, unused, unresolved }, { all }) => {
    const bare = uncovered(rows)
    const sections: Section[] = []
    const table = (title: string, shown: readonly z.infer<typeof Row>[]) =>
      sections.push({
        kind: 'table',
        title,
        columns: [{ name: 'What' }, { name: 'Where' }, { name: 'Why' }],
        rows: shown.map(({ name, where, why }) => [name, where, why ?? '–']),
      })
    if (bare.length > 0) table('In no plan', bare)
    const half = rows.filter(({ covered, why }) => covered.length > 0 && why !== undefined)
    if (half.length > 0) table('Covered in part', half)
    const notes = [
      ...unresolved.map(({ plan, why }) => `It is not known what the plan ${plan} takes: ${why}`),
      ...unused.map((what) => `\`unprotected\` names ${what}, and there is no such thing`),
    ]
    if (notes.length > 0) sections.push({ kind: 'list', title: 'Mind', items: notes })
    if (all)
      sections.push({
        kind: 'table',
        title: 'All',
        columns: [{ name: 'What' }, { name: 'Where' }, { name: 'Covered by' }],
        rows: rows.map(({ name, where, covered, replaceable }) => [
          name,
          where,
          covered.length > 0
            ? { text: covered.join(', '), tone: 'ok' }
            : replaceable === undefined
              ? { text: 'nothing', tone: 'error' }
              : `may be lost: ${replaceable}`,
        ]),
      })
    return {
      title:
        bare.length === 0
          ? `All ${rows.length} things are in a plan`
          : `${bare.length} of ${rows.length} things are in no backup`,
      tone: bare.length > 0 ? 'error' : notes.length > 0 || half.length > 0 ? 'warning' : 'ok',
      ...(bare.length === 0
        ? {}
        : {
            text: 'Add them to a plan in homelab.yaml, or to `unprotected` with the reason why they may be lost.',
          }),
      sections,
    }
  },
})
