import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import type { Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, percent } from '../../operation/view.ts'
import { storageRows } from '../../storage/index.ts'
import { StorageOutput, toneOf } from './list.ts'

export const storageShow = defineOperation({
  id: 'storage.show',
  chat: 'storage show',
  title: 'Show a storage',
  description: 'How full it is, what is wrong with it, and what lies where on it.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({ storage: z.string().describe('Storage').meta({ suggest: 'storages' }) }),
  output: StorageOutput.extend({ layout: z.array(z.object({ path: z.string(), purpose: z.string() })) }),
  positional: ['storage'],
  examples: ['storage show Apollo'],
  needs: ['lab', 'shells'],
  run: async ({ storage: name }, { lab, shells }, { signal }) => {
    const rows = await storageRows(lab, await lab.overview({ signal }), shells, signal)
    const row = rows.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase())
    if (row === undefined) {
      const names = rows.map((candidate) => candidate.name)
      throw new HomelabError('not-found', `No storage "${name}".${didYouMean(name, names)}`, {
        hint: '`storage list` lists all.',
      })
    }
    const entry = lab.inventory.storages.find((candidate) => candidate.name === row.name)
    return { ...row, problems: [...row.problems], layout: [...(entry?.layout ?? [])] }
  },
  card: (row) => {
    const sections: Section[] = []
    if (row.problems.length > 0)
      sections.push({ kind: 'list', title: 'Wrong', items: row.problems.map((problem) => problem.text) })
    const measured = row.used !== undefined && row.total !== undefined
    sections.push({
      kind: 'fields',
      fields: [
        {
          name: 'Used',
          value: measured
            ? `${bytes(row.used ?? 0)} of ${bytes(row.total ?? 0)} (${percent((row.used ?? 0) / (row.total ?? 1))})`
            : 'not known',
        },
        { name: 'Free', value: measured ? bytes((row.total ?? 0) - (row.used ?? 0)) : 'not known' },
        { name: 'Warns at', value: `${row.warn} %, critical at ${row.crit} %` },
        { name: 'Kind', value: row.kind },
        { name: 'Purpose', value: row.purpose },
        { name: 'Node', value: row.node },
      ],
    })
    if (row.layout.length > 0) {
      sections.push({
        kind: 'table',
        title: 'Layout',
        columns: [{ name: 'Path' }, { name: 'For' }],
        rows: row.layout.map((part) => [part.path, part.purpose]),
      })
    }
    return { title: row.name, tone: toneOf(row.problems), sections }
  },
})
