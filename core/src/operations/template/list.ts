import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { bytes } from '../../operation/view.ts'
import { nodeFor } from '../guest/places.ts'
import { kindOf, look, natural } from './look.ts'

export const templateList = defineOperation({
  id: 'template.list',
  chat: 'template list',
  title: 'List templates of containers',
  description:
    'Those that a node has, and those that it can download. Of the ready-made applications only what is searched for.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    search: z.string().optional().describe('Part of a name or title'),
    node: z.string().optional().describe('Default: the only one').meta({ suggest: 'nodes' }),
  }),
  output: z.object({
    node: z.string(),
    here: z.array(
      z.object({
        file: z.string(),
        storage: z.string(),
        volid: z.string(),
        bytes: z.number(),
        /** There is a newer version of it. */
        newer: z.string().optional(),
      }),
    ),
    available: z.array(
      z.object({ template: z.string(), headline: z.string(), section: z.string(), version: z.string() }),
    ),
    /** Storages that could not be looked at, with the reason. */
    blind: z.array(z.string()),
  }),
  positional: ['search'],
  examples: ['template list', 'template list debian'],
  needs: ['lab', 'proxmox'],
  run: async ({ search, node: wanted }, { lab, proxmox }, { signal }) => {
    const overview = await lab.overview({ signal })
    const node = nodeFor(overview, wanted)
    const { here, available, blind } = await look(node, { overview, proxmox }, signal)
    const fits = (...texts: readonly string[]) =>
      search === undefined || texts.some((text) => text.toLowerCase().includes(search.toLowerCase()))
    return {
      node,
      here: here
        .filter(({ file }) => fits(file))
        .map(({ file, storage, volid, size }) => {
          const newest = available
            .map(({ template }) => template)
            .filter((template) => kindOf(template) === kindOf(file))
            .toSorted(natural)
            .at(-1)
          const newer = newest !== undefined && natural(newest, file) > 0 ? { newer: newest } : {}
          return { file, storage, volid, bytes: size, ...newer }
        }),
      available: available
        .filter(({ template }) => !here.some(({ file }) => file === template))
        .filter(({ section }) => search !== undefined || section === 'system')
        .filter(({ template, headline }) => fits(template, headline))
        .map(({ template, headline, section, version }) => ({ template, headline, section, version }))
        .toSorted((a, b) => natural(a.template, b.template)),
      blind: [...blind],
    }
  },
  card: ({ node, here, available, blind }) => {
    const first = available[0]?.template
    return {
      title: `${here.length} ${here.length === 1 ? 'template' : 'templates'} on ${node}`,
      tone: blind.length > 0 ? 'warning' : 'neutral',
      sections: [
        ...(here.length === 0
          ? []
          : [
              {
                kind: 'table' as const,
                columns: [
                  { name: 'Template' },
                  { name: 'On' },
                  { name: 'Size', align: 'right' as const },
                  { name: 'Newer' },
                ],
                rows: here.map((each) => [each.file, each.storage, bytes(each.bytes), each.newer ?? '–']),
              },
            ]),
        ...(available.length === 0
          ? []
          : [
              {
                kind: 'table' as const,
                title: 'Can be downloaded',
                columns: [{ name: 'Template' }, { name: 'What it is' }],
                rows: available.map((each) => [each.template, each.headline]),
              },
            ]),
        ...(blind.length === 0
          ? []
          : [{ kind: 'list' as const, title: 'Could not be looked at', items: blind }]),
      ],
      ...(first === undefined ? {} : { footer: `To have one: template download ${first}` }),
    }
  },
})
