import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan } from '../../operation/types.ts'
import { bytes, duration } from '../../operation/view.ts'
import { archiveName, type FoundArchive, findArchives } from './find.ts'

const input = z.object({
  archive: z.string().min(1).describe('Its volume id or its whole name, as `guest archives` shows it'),
  node: z
    .string()
    .optional()
    .describe('Node that has it; default: found by its name')
    .meta({ suggest: 'nodes' }),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'proxmox', 'clock']>

export const archiveDelete = defineOperation({
  id: 'archive.delete',
  chat: 'guest discard',
  title: 'Delete an archive of a guest',
  description: 'For good. One that is protected is refused, and it is said when it is the last of its guest.',
  risk: 'destructive',
  permission: 'admin',
  rare: true,
  input,
  output: z.object({
    volid: z.string(),
    storage: z.string(),
    node: z.string(),
    vmid: z.int().optional(),
    bytes: z.number(),
    /** Archives of the same guest that are left, on all storages that could be looked at. */
    left: z.int(),
  }),
  positional: ['archive'],
  examples: ['guest discard vzdump-lxc-110-2026_11_22-03_00_00.tar.zst'],
  needs: ['lab', 'proxmox', 'clock'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { archive, others, blind } = await find(wanted, services, signal)
    const now = services.clock.now().getTime()
    const age = duration(now - archive.ctime * 1000)
    const newer = others.filter(({ ctime }) => ctime > archive.ctime)
    return {
      summary: `Delete ${archiveName(archive.volid)} from ${archive.storage}`,
      steps: [`the archive of ${age} ago (${bytes(archive.size)}) is removed for good`],
      affects: [],
      warnings: [
        ...(archive.vmid === undefined
          ? ['Which guest it is of is not known.']
          : others.length === 0
            ? [`It is the only archive of guest ${archive.vmid}.`]
            : newer.length === 0
              ? [`It is the newest archive of guest ${archive.vmid}.`]
              : []),
        ...blind.map((storage) => `${storage} could not be looked at for others.`),
      ],
      locks: [`archive/${archive.volid}`],
      state: { volid: archive.volid, ctime: archive.ctime, left: others.length },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox } = services
    const found = (await verbs.step('find', async () => {
      const { archive, others } = await find(wanted, services, verbs.signal)
      return { archive, left: others.length } as unknown as Json
    })) as unknown as { readonly archive: FoundArchive; readonly left: number }
    const { archive } = found
    const place = { node: archive.node, archive: archive.volid }
    const isThere = async () => {
      const { node, storage } = archive
      const all = await proxmox.backups.archives({ node, storage }, verbs.signal)
      return all.some(({ volid }) => volid === archive.volid)
    }
    const upid = await verbs.change<string>('delete', {
      act: () => proxmox.backups.remove(place),
      // A removal that is begun twice does no harm: what counts is whether it is still there.
      find: async () => ((await isThere()) ? undefined : ''),
    })
    if (upid !== '') {
      verbs.log(`removal of ${archive.volid}: ${upid}`)
      await verbs.follow<Json>('task', async (signal) => {
        const options = { signal, mayHaveEnded: true, pace: 'interactive' } as const
        return (await proxmox.backups.wait(upid, options)) as unknown as Json
      })
    }
    if (await verbs.step('look', isThere))
      throw new HomelabError('failed', `${archiveName(archive.volid)} is still on ${archive.storage}.`, {
        hint: '`task list` tells what became of its removal.',
      })
    return {
      volid: archive.volid,
      storage: archive.storage,
      node: archive.node,
      ...(archive.vmid === undefined ? {} : { vmid: archive.vmid }),
      bytes: archive.size,
      left: found.left,
    }
  },
  card: ({ volid, storage, vmid, bytes: size, left }) => ({
    title: `${archiveName(volid)} is deleted`,
    tone: left === 0 && vmid !== undefined ? 'warning' : 'ok',
    text:
      vmid === undefined
        ? `${bytes(size)} on ${storage}.`
        : `${bytes(size)} on ${storage}. Guest ${vmid} has ${left === 0 ? 'no archive' : `${left} other${left === 1 ? '' : 's'}`} now.`,
  }),
})

async function find({ archive: wanted, node }: Input, { lab, proxmox }: Services, signal: AbortSignal) {
  const overview = await lab.overview({ signal })
  const storage = wanted.includes(':') ? wanted.split(':')[0] : undefined
  const services = { overview, proxmox }
  const { archives, problems } = await findArchives({ storage, node }, services, signal)
  const fits = archives.filter(({ volid }) => volid === wanted || archiveName(volid) === wanted)
  const [archive, ...more] = fits
  if (archive === undefined) {
    const [problem] = problems
    throw new HomelabError('not-found', `There is no archive "${wanted}".`, {
      hint:
        problem === undefined
          ? '`guest archives` lists all.'
          : `${problem.storage} could not be looked at: ${problem.why}`,
    })
  }
  if (more.length > 0)
    throw new HomelabError('ambiguous', `${fits.length} storages have an archive "${wanted}".`, {
      hint: `Say which: ${fits.map(({ volid, node: on }) => `${volid} on ${on}`).join(', ')}.`,
    })
  if (archive.protected)
    throw new HomelabError('conflict', `${archiveName(wanted)} is protected, so it is not deleted.`, {
      hint: 'Take its protection off in Proxmox first, if that is really meant.',
      data: { volid: archive.volid },
    })
  const all =
    archive.vmid === undefined || storage === undefined
      ? { archives, problems }
      : await findArchives({ vmid: archive.vmid }, services, signal)
  return {
    archive,
    others: all.archives.filter(({ volid, vmid }) => vmid === archive.vmid && volid !== archive.volid),
    blind: all.problems.map(({ storage: name }) => name),
  }
}
