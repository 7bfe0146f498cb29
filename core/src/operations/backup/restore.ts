import { z } from 'zod'
import { chooseRepository, type Place, type RestoreServices } from '../../backup/place.ts'
import { isResticPlan, planNamed, repositoriesOf, titleOf } from '../../backup/plan.ts'
import type { Point } from '../../backup/point.ts'
import {
  type DatabaseWanted,
  findDatabaseToRestore,
  type PostgresPlace,
  restoreDatabase,
} from '../../backup/restore-database.ts'
import { type FilesWanted, findFilesToRestore, restoreFiles } from '../../backup/restore-files.ts'
import { amount, day } from '../../backup/restore-words.ts'
import { HomelabError } from '../../errors.ts'
import type { Card } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { shared } from '../../operation/locks.ts'
import type { Plan } from '../../operation/types.ts'
import { bytes } from '../../operation/view.ts'
import { planInput } from './inputs.ts'

const days = 86_400_000

const input = z.object({
  plan: planInput,
  path: z.string().optional().describe('File or folder to put back, whole: /Apollo/Photos/2024'),
  database: z.string().optional().describe('Or the database to put back'),
  snapshot: z.string().optional().describe('By its first letters; default: the newest that is proven'),
  to: z.string().optional().describe('Where files go; default: beside it, under another name'),
  inplace: z.boolean().default(false).describe('Files over the live ones'),
  live: z.boolean().default(false).describe('The database in place of the live one'),
  unproven: z.boolean().default(false).describe('Also a snapshot without a proof; files only'),
  repository: z.string().optional().describe('From this repository; default: the first of the plan'),
})
type Input = z.infer<typeof input>

const output = z.object({
  title: z.string(),
  snapshot: z.string(),
  /** Milliseconds since 1970. */
  at: z.number(),
  what: z.string(),
  to: z.string(),
  files: z.number().optional(),
  bytes: z.number(),
  /** Where the database that was live is now. */
  before: z.string().optional(),
})

export const backupRestore = defineOperation({
  id: 'backup.restore',
  chat: 'backup restore',
  title: 'Put something back from a backup',
  description:
    'Files come back under another path and a database under another name, unless `inplace` or `live` says otherwise. `backup find` finds a file. Over a live database only after a fresh backup, and the old one is kept.',
  risk: 'destructive',
  permission: 'admin',
  deadlineMs: 7 * days,
  input,
  output,
  positional: ['plan'],
  examples: [
    'backup restore photos path:/Apollo/Photos/2024',
    'backup restore photos path:/Apollo/Photos/2024/a.jpg snapshot:1f2e3d4c inplace:true',
    'backup restore postgresql database:immich',
    'backup restore postgresql database:immich live:true snapshot:1f2e3d4c',
  ],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const chosen = choose(wanted, services)
    if ('files' in chosen) return await filesPlan(chosen.place, chosen.files, signal)
    return await databasePlan(chosen.place, chosen.database, services, signal)
  },
  async run(wanted, services, verbs) {
    const chosen = choose(wanted, services)
    const title = titleOf(chosen.place.plan)
    if ('files' in chosen) {
      const { path, ...done } = await restoreFiles(chosen.place, chosen.files, verbs)
      return { ...done, title, what: path }
    }
    const { database, into, ...done } = await restoreDatabase(chosen.place, chosen.database, verbs)
    return { ...done, title, what: database, to: into }
  },
  card: ({ title, snapshot, at, what, to, files, bytes: size, before }): Card => ({
    title: what === to ? `${what} is back` : `${what} is restored as ${to}`,
    tone: 'ok',
    ...(before === undefined
      ? {}
      : {
          text: `The one that was live until now is called ${before}. Remove it when nobody misses anything.`,
        }),
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'From', value: `${title}, ${day(at)} UTC` },
          { name: 'Size', value: files === undefined ? bytes(size) : amount({ files, bytes: size }) },
        ],
      },
      ...(what === to || before !== undefined
        ? []
        : [{ kind: 'text' as const, text: 'Remove it when it is no longer needed: it takes room.' }]),
    ],
    footer: `snapshot ${snapshot.slice(0, 8)}`,
  }),
})

type Chosen =
  | { readonly place: Place; readonly files: FilesWanted }
  | { readonly place: PostgresPlace; readonly database: DatabaseWanted }

/** @throws HomelabError `usage` when it does not say what to restore, or what the plan does not have */
function choose(wanted: Input, services: RestoreServices): Chosen {
  const { inventory } = services.lab
  const plan = planNamed(inventory, wanted.plan)
  if (!isResticPlan(plan))
    throw new HomelabError(
      'usage',
      `${titleOf(plan)} backs up whole guests, which Proxmox restores itself.`,
      {
        hint: '`guest restore` does it.',
      },
    )
  const repository = chooseRepository(plan, repositoriesOf(inventory, plan), wanted.repository)
  const common = { snapshot: wanted.snapshot, unproven: wanted.unproven }
  if (plan.method === 'pg_dump') {
    if (wanted.database === undefined || wanted.path !== undefined)
      throw new HomelabError('usage', `Which database of ${titleOf(plan)}?`, {
        hint: `\`backup show ${plan.name}\` lists them; then \`backup restore ${plan.name} database:<name>\`.`,
      })
    const place = { plan, repository, services }
    return { place, database: { ...common, database: wanted.database, live: wanted.live } }
  }
  if (wanted.path === undefined || wanted.database !== undefined)
    throw new HomelabError('usage', `Which file or folder of ${titleOf(plan)}?`, {
      hint: `\`backup find ${plan.name} <part of a name>\` finds it; then \`backup restore ${plan.name} path:<path>\`.`,
    })
  const place = { plan, repository, services }
  return { place, files: { ...common, path: wanted.path, to: wanted.to, inplace: wanted.inplace } }
}

/** A backup that is made meanwhile has what went wrong in it, and would be the newest then. */
function nameIt(where: string, { plan }: Place, rest: string, { at, snapshot }: Point): HomelabError {
  return new HomelabError(
    'usage',
    `${where} only a snapshot that is named: another backup may come before it begins.`,
    {
      hint: `The newest is of ${day(at)} UTC: \`backup restore ${plan.name} ${rest} snapshot:${snapshot.slice(0, 8)}\``,
    },
  )
}

const noProof = 'This snapshot has no proof: its backup may have broken off.'

async function filesPlan(place: Place, wanted: FilesWanted, signal: AbortSignal): Promise<Plan> {
  const { point, path, files, bytes: size, overwrites } = await findFilesToRestore(place, wanted, signal)
  const what = `${path} of ${day(point.at)} UTC (${amount({ files, bytes: size })})`
  if (wanted.inplace && wanted.snapshot === undefined)
    throw nameIt('Over live files', place, `path:${path} inplace:true`, point)
  const over = `${overwrites.atMost ? 'up to ' : ''}${amount(overwrites)}`
  const to = wanted.to ?? `${path}.restored-…`
  return {
    summary: wanted.inplace
      ? `Put ${path} back over the live files`
      : `Put ${path} back beside the live files`,
    steps: [
      `restic fetches ${what} from ${titleOf(place.repository)}`,
      ...(wanted.inplace
        ? [`${over} that are there now are overwritten`, 'Files that the snapshot does not have stay']
        : [`It appears as ${to} when all of it is there`, 'No live file is touched']),
    ],
    affects: [],
    warnings: [
      ...(wanted.inplace && overwrites.files > 0
        ? [
            `${over} are lost as they are now. Stop what uses them first.`,
            'A cancel half-way leaves some of them restored and some not.',
          ]
        : []),
      ...(point.proven === undefined ? [noProof] : []),
    ],
    locks: [`backup/${place.plan.name}`],
    state: {
      snapshot: point.snapshot,
      path,
      to: wanted.inplace ? path : to,
      overwrites: wanted.inplace ? { files: overwrites.files, bytes: overwrites.bytes } : null,
    },
  }
}

async function databasePlan(
  place: PostgresPlace,
  wanted: DatabaseWanted,
  services: RestoreServices,
  signal: AbortSignal,
): Promise<Plan> {
  const { plan, repository } = place
  const { point, dumped, live } = await findDatabaseToRestore(place, wanted, signal)
  const { database } = wanted
  const rows = dumped.tables.reduce((sum, table) => sum + table.rows, 0)
  const fetched = `restic fetches the dump of ${day(point.at)} UTC from ${titleOf(repository)}: ${dumped.tables.length} tables, ${rows} rows`
  const roles = 'Roles that are missing are made; those that are there stay as they are'
  const state = { snapshot: point.snapshot, database, live: wanted.live, there: live !== undefined }
  const locks = [`backup/${plan.name}`, shared(`repository/${repository.name}`)]
  if (!wanted.live || live === undefined)
    return {
      summary: `Restore the database ${database} ${wanted.live ? 'that is gone' : 'beside the live one'}`,
      steps: [fetched, roles, `It is restored as ${wanted.live ? database : `${database}_restored_…`}`],
      affects: [],
      warnings: [],
      locks,
      state,
    }
  if (wanted.snapshot === undefined)
    throw nameIt('In place of a live database', place, `database:${database} live:true`, point)
  const [target] = await services.lab.resolve([plan.service], { signal })
  return {
    summary: `Put the database ${database} of ${day(point.at)} UTC in place of the live one`,
    steps: [
      'A fresh backup of all databases; without it nothing is begun',
      fetched,
      roles,
      'It is restored into a new database, and until that is whole the live one goes on',
      `Everybody is disconnected, and the names change: ${database} becomes ${database}_before_…, the new one ${database}`,
    ],
    affects: (target?.dependents ?? []).map((name) => ({
      name,
      why: 'uses the server, and is disconnected if it is on this database',
    })),
    warnings: [
      `${bytes(live.bytes)} with ${live.connections} connections are put aside: what was written after ${day(point.at)} UTC is only in ${database}_before_…`,
    ],
    locks,
    state,
  }
}
