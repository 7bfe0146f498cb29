import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan } from '../../operation/types.ts'
import { bytes, duration } from '../../operation/view.ts'
import { nodeFor, storageFor } from '../guest/places.ts'
import { fileOf, kindOf, look, natural } from './look.ts'

const input = z.object({
  template: z.string().min(1).describe('Its name or part of it: debian-13; then the newest version'),
  storage: z
    .string()
    .optional()
    .describe('Where it goes; default: the only storage that takes one')
    .meta({ suggest: 'storages' }),
  node: z.string().optional().describe('Default: the only one').meta({ suggest: 'nodes' }),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'proxmox', 'clock']>

export const templateDownload = defineOperation({
  id: 'template.download',
  chat: 'template download',
  title: 'Download a template for containers',
  description: 'By the node itself, which checks its sum. One that is there already is left as it is.',
  risk: 'change',
  permission: 'operator',
  rare: true,
  input,
  output: z.object({
    template: z.string(),
    volid: z.string(),
    node: z.string(),
    storage: z.string(),
    bytes: z.number(),
    /** It was there before. */
    was: z.boolean(),
    ms: z.number(),
  }),
  positional: ['template', 'storage'],
  examples: ['template download debian-13', 'template download alpine-3.21 local'],
  needs: ['lab', 'proxmox', 'clock'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { node, storage, template, there } = await find(wanted, services, signal)
    return {
      summary: `Download ${template} to ${storage} of ${node}`,
      steps: there
        ? [`it is on ${storage} already: nothing is done`]
        : [`${node} downloads it and checks its sum`],
      affects: [],
      warnings: [],
      locks: [`template/${node}/${storage}/${template}`],
      state: { node, storage, template, there },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, clock } = services
    const began = clock.monotonic()
    const request = await verbs.step('find', async () => {
      const { node, storage, template, there } = await find(wanted, services, verbs.signal)
      return { node, storage, template, there }
    })
    const { node, storage, template, there } = request
    const onStorage = async () => {
      const all = await proxmox.provision.templates({ node, storage }, verbs.signal)
      const found = all.find(({ volid }) => fileOf(volid) === template)
      return found === undefined ? null : { volid: found.volid, bytes: found.size }
    }
    if (!there) {
      verbs.report({ text: `downloading ${template}` })
      const upid = await verbs.change<string>('download', {
        act: () => proxmox.provision.download(request),
        find: async ({ since }) => await proxmox.provision.findDownload(request, since),
      })
      verbs.log(`download of ${template}: ${upid}`)
      await verbs.follow<Json>('task', async (signal) => {
        const report = (progress: Parameters<typeof verbs.report>[0]) => verbs.report(progress)
        const options = { signal, report, mayHaveEnded: true, stopOnAbort: true }
        const end = await proxmox.provision.wait(upid, `Downloading ${template} on ${node}`, options)
        return end as unknown as Json
      })
    }
    const found = await verbs.step('look', onStorage)
    if (found === null)
      throw new HomelabError('failed', `The download ended, but ${storage} has no ${template}.`, {
        hint: '`task list` shows what became of it, `template list` what is there.',
      })
    return { template, ...found, node, storage, was: there, ms: Math.round(clock.monotonic() - began) }
  },
  card: ({ template, volid, node, storage, bytes: size, was, ms }) => ({
    title: was ? `${template} is there already` : `${template} is there`,
    tone: 'ok',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'On', value: `${storage} of ${node}` },
          { name: 'Size', value: bytes(size) },
          ...(was ? [] : [{ name: 'Took', value: duration(ms) }]),
        ],
      },
    ],
    footer: volid,
  }),
})

async function find(wanted: Input, { lab, proxmox }: Services, signal: AbortSignal) {
  const overview = await lab.overview({ signal })
  const node = nodeFor(overview, wanted.node)
  const storage = storageFor(overview, node, 'vztmpl', wanted.storage)
  const { here, available } = await look(node, { overview, proxmox }, signal)
  const text = wanted.template.toLowerCase()
  const all = available.map(({ template }) => template)
  const exact = all.find((template) => template.toLowerCase() === text)
  const fits = all
    .filter((template) => template.toLowerCase().includes(text))
    .toSorted((a, b) => natural(b, a))
  const kinds = [...new Set(fits.map(kindOf))]
  if (exact === undefined && kinds.length > 1)
    throw new HomelabError('ambiguous', `"${wanted.template}" fits ${kinds.length} templates.`, {
      hint: `Say more of its name: ${kinds.slice(0, 8).join(', ')}.`,
    })
  const template = exact ?? fits[0] ?? here.find(({ file }) => file.toLowerCase() === text)?.file
  if (template === undefined)
    throw new HomelabError(
      'not-found',
      `${node} knows no template "${wanted.template}".${didYouMean(wanted.template, all.map(kindOf))}`,
      {
        hint: `\`template list\` shows what there is. On the node, \`pveam update\` reads the list anew.`,
        data: { node, template: wanted.template },
      },
    )
  const there = here.some((each) => each.storage === storage && each.file === template)
  return { node, storage, template, there }
}
