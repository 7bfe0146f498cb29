import { z } from 'zod'
import { findFiles } from '../../backup/listing.ts'
import { chooseRepository, openPlace } from '../../backup/place.ts'
import { isResticPlan, planNamed, repositoriesOf, titleOf } from '../../backup/plan.ts'
import { pointsOf } from '../../backup/point.ts'
import { day } from '../../backup/restore-words.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes } from '../../operation/view.ts'
import { planInput } from './inputs.ts'

/** What fits into a menu of every platform. */
const shown = 20

export const backupFind = defineOperation({
  id: 'backup.find',
  chat: 'backup find',
  title: 'Find a file in the backups',
  description:
    'Looks through the names in all proven snapshots of a plan. The newest of each file is offered to be put back.',
  risk: 'read',
  permission: 'admin',
  private: true,
  input: z.object({
    plan: planInput,
    name: z.string().min(2).max(200).describe('Part of its name, or a pattern: IMG_12, *.heic'),
    repository: z.string().optional().describe('In this repository; default: the first of the plan'),
  }),
  output: z.object({
    plan: z.string(),
    /** Of different paths, the newest first. */
    files: z.array(
      z.object({
        path: z.string(),
        bytes: z.number(),
        mtime: z.string(),
        snapshot: z.string(),
        /** Of the snapshot, milliseconds since 1970. */
        at: z.number(),
        /** In how many snapshots it is. */
        snapshots: z.int(),
      }),
    ),
    /** Paths that were found, with those that are not in the list. */
    found: z.int(),
    looked: z.int(),
  }),
  positional: ['plan', 'name'],
  examples: ['backup find photos IMG_12', 'backup find nextcloud *.odt'],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async run({ plan: name, name: text, repository: wanted }, services, { signal }) {
    const plan = planNamed(services.lab.inventory, name)
    if (!isResticPlan(plan) || plan.method !== 'restic')
      throw new HomelabError('usage', `${titleOf(plan)} has no files to find.`)
    const repository = chooseRepository(plan, repositoriesOf(services.lab.inventory, plan), wanted)
    const { restic, options } = await openPlace({ plan, repository, services }, signal)
    const points = await pointsOf(restic, plan.name, signal)
    if (points.length === 0)
      throw new HomelabError('not-found', `${titleOf(plan)} has no proven snapshot to look through.`, {
        hint: `\`backup run ${plan.name}\` makes one.`,
      })
    const times = new Map(points.map(({ snapshot, at }) => [snapshot, at]))
    const results = await findFiles(options, [...times.keys()], text, signal)
    const newest = new Map<string, Found>()
    for (const { snapshot, matches } of results) {
      const at = times.get(snapshot) ?? 0
      for (const { path, type, size, mtime } of matches ?? []) {
        if (type !== 'file') continue
        const known = newest.get(path)
        const snapshots = (known?.snapshots ?? 0) + 1
        const better =
          known === undefined || at > known.at ? { path, bytes: size, mtime, snapshot, at } : known
        newest.set(path, { ...better, snapshots })
      }
    }
    const files = [...newest.values()].toSorted((a, b) => b.at - a.at || a.path.localeCompare(b.path))
    return { plan: plan.name, files: files.slice(0, shown), found: files.length, looked: points.length }
  },
  card: ({ plan, files, found, looked }, { name }) => {
    if (files.length === 0)
      return {
        title: `Nothing is called "${name}"`,
        tone: 'neutral',
        text: `Looked through ${looked} proven snapshots of ${plan}.`,
      }
    return {
      title: found === 1 ? '1 file' : `${found} files`,
      tone: 'neutral',
      ...(found > files.length
        ? { text: `The first ${files.length}; type more of the name for the others.` }
        : {}),
      sections: [
        {
          kind: 'table',
          columns: [{ name: 'File' }, { name: 'Size', align: 'right' }, { name: 'Saved' }],
          rows: files.map((file) => [file.path, bytes(file.bytes), day(file.at)]),
        },
      ],
      choices: {
        prompt: 'Put which one back?',
        options: files
          .filter(({ path }) => !/["\\]/.test(path))
          .map((file) => ({
            label: file.path.split('/').at(-1) ?? file.path,
            hint: `${bytes(file.bytes)}, ${day(file.at)}`,
            action: {
              kind: 'command' as const,
              text: `backup restore ${plan} path:"${file.path}" snapshot:${file.snapshot.slice(0, 12)}`,
            },
          })),
      },
    }
  },
})

interface Found {
  readonly path: string
  readonly bytes: number
  readonly mtime: string
  readonly snapshot: string
  readonly at: number
  readonly snapshots: number
}
