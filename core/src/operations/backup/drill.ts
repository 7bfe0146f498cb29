import { z } from 'zod'
import { drill, findDrill } from '../../backup/drill.ts'
import { forgetLooks } from '../../backup/evidence.ts'
import { chooseRepository, type Place, type RestoreServices } from '../../backup/place.ts'
import { isResticPlan, planNamed, type ResticPlan, repositoriesOf, titleOf } from '../../backup/plan.ts'
import { day } from '../../backup/restore-words.ts'
import type { NamedPlan } from '../../backup/run.ts'
import { HomelabError } from '../../errors.ts'
import type { Card } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { shared } from '../../operation/locks.ts'
import type { Plan } from '../../operation/types.ts'
import { duration } from '../../operation/view.ts'
import { costText } from './cost.ts'
import { copyDrillCard, copyDrillPlace, DrilledCopy, planCopyDrill, runCopyDrill } from './drill-copy.ts'
import {
  DrilledGuest,
  guestDrillCard,
  guestDrillPlace,
  planGuestDrill,
  runGuestDrill,
} from './drill-guest.ts'
import { planInput } from './inputs.ts'

const days = 86_400_000

const Output = z.object({
  plan: z.string(),
  title: z.string(),
  repository: z.string(),
  snapshot: z.string(),
  /** Milliseconds since 1970. */
  at: z.number(),
  ms: z.number(),
  cost: z.object({ bytes: z.number(), dollars: z.number().optional() }),
  recovery: z.boolean(),
  tables: z.number(),
  rows: z.number(),
  same: z.number(),
  changed: z.number(),
  missingRoles: z.number(),
  originals: z.object({ checked: z.number(), missing: z.number() }).optional(),
  /** Of whole guests: which one was tried, and what was seen. The numbers of a dump or of files are 0 then. */
  guest: DrilledGuest.optional(),
  /** Of the copies that restic has of whole guests: whose was tried. */
  copy: DrilledCopy.optional(),
})

export const backupDrill = defineOperation({
  id: 'backup.drill',
  chat: 'backup drill',
  title: 'Try whether a backup restores',
  description:
    'Fetches the newest proven snapshot with a fresh cache and the recovery keys, restores it beside what is live, compares rows and files, and throws it away. Of whole guests the one whose turn it is, as a copy without a network; from a repository of restic its archive, compared with the one on the storage. What was seen is kept where the backups are.',
  risk: 'change',
  permission: 'operator',
  deadlineMs: 2 * days,
  input: z.object({
    plan: planInput,
    repository: z.string().optional().describe('From this repository; default: the first of the plan'),
    guest: z
      .string()
      .optional()
      .describe('Of a plan of whole guests: this one; default: the one whose turn it is')
      .meta({ suggest: 'guests' }),
  }),
  output: Output,
  positional: ['plan'],
  examples: [
    'backup drill postgresql',
    'backup drill photos repository:b2',
    'backup drill lxc',
    'backup drill lxc repository:b2',
  ],
  needs: ['lab', 'shells', 'secrets', 'clock', 'proxmox'],
  async plan(input, services, { signal }): Promise<Plan> {
    const wanted = planNamed(services.lab.inventory, input.plan)
    const { guest } = input
    if (!isResticPlan(wanted)) {
      const copy = copyDrillPlace(wanted, input.repository, services)
      if (copy !== undefined) return await planCopyDrill({ ...copy, wanted: guest }, signal)
      const archive = guestDrillPlace(wanted, input.repository, services)
      return await planGuestDrill({ ...archive, wanted: guest }, signal)
    }
    if (guest !== undefined)
      throw new HomelabError('usage', `${titleOf(wanted)} saves no guests: leave out \`guest\`.`)
    const place = placeOf(wanted, input.repository, services)
    const { plan, repository } = place
    const { point, cost, recovery } = await findDrill(place, signal)
    const tried =
      plan.method === 'pg_dump'
        ? [
            'The dump is read to its end and restored into databases of its own, homelab_drill_…',
            'Rows and newest times of all tables are compared with what was dumped',
            ...(plan.originals ?? []).map(
              (one) => `Files that ${one.database} knows of are looked for in the backup of ${one.plan}`,
            ),
          ]
        : [`${plan.drill?.files ?? 20} files by chance are restored and compared with the live ones`]
    return {
      summary: `Try whether ${titleOf(plan)} restores from ${titleOf(repository)}`,
      steps: [
        `restic fetches up to ${costText(cost)} of the snapshot of ${day(point.at)} UTC, with a fresh cache${recovery ? ' and the recovery keys' : ''}`,
        ...tried,
        'All of it is removed again; that it passed is written into the repository',
      ],
      affects: [],
      warnings: recovery
        ? []
        : [`${titleOf(repository)} has no \`recovery\`: the keys of every day are used.`],
      locks: [`drill/${plan.name}`, shared(`repository/${repository.name}`)],
      state: { plan: plan.name, repository: repository.name, snapshot: point.snapshot },
    }
  },
  async run(input, services, verbs) {
    const wanted = planNamed(services.lab.inventory, input.plan)
    if (!isResticPlan(wanted)) {
      const copy = copyDrillPlace(wanted, input.repository, services)
      const named = { plan: wanted.name, title: titleOf(wanted) }
      if (copy !== undefined)
        return { ...(await runCopyDrill({ ...copy, wanted: input.guest }, verbs)), ...named }
      const archive = guestDrillPlace(wanted, input.repository, services)
      const done = await runGuestDrill({ ...archive, wanted: input.guest }, verbs)
      return { ...done, ...named }
    }
    const place = placeOf(wanted, input.repository, services)
    try {
      const done = await drill(place, verbs)
      return { ...done, plan: place.plan.name, title: titleOf(place.plan) }
    } finally {
      forgetLooks(services.lab, place.repository.name)
    }
  },
  card({ guest, copy, ...output }) {
    if (copy !== undefined) return copyDrillCard(output.title, { ...output, copy })
    return guest === undefined
      ? resticCard(output)
      : guestDrillCard(output.title, { ...output, guest }, output.repository)
  },
})

function resticCard({
  title,
  repository,
  snapshot,
  at,
  ms,
  cost,
  recovery,
  tables,
  rows,
  same,
  changed,
  missingRoles,
  originals,
}: z.infer<typeof Output>): Card {
  return {
    title: `${title} restores`,
    // Whose query finds no path proves nothing of any file.
    tone: originals?.checked === 0 ? 'warning' : 'ok',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Snapshot', value: `${day(at)} UTC in ${repository}` },
          ...(tables === 0
            ? []
            : [{ name: 'Compared', value: `${rows} rows in ${tables} tables: all there` }]),
          ...(same + changed === 0
            ? []
            : [
                {
                  name: 'Compared',
                  value: `${same} files equal to the live ones${changed === 0 ? '' : `; ${changed} whole, but changed since or gone`}`,
                },
              ]),
          ...(originals === undefined
            ? []
            : [
                {
                  name: 'Files it knows of',
                  value: originalsText(originals),
                },
              ]),
          ...(missingRoles === 0
            ? []
            : [{ name: 'Roles', value: `${missingRoles} are not on this server; tried without owners` }]),
          { name: 'Keys', value: recovery ? 'the recovery copy' : 'those of every day' },
          { name: 'Took', value: duration(ms) },
          { name: 'Fetched', value: `up to ${costText(cost)}` },
        ],
      },
    ],
    footer: `snapshot ${snapshot.slice(0, 8)}`,
  }
}

const placeOf = (
  plan: ResticPlan & NamedPlan,
  wanted: string | undefined,
  services: RestoreServices,
): Place => ({
  plan,
  repository: chooseRepository(plan, repositoriesOf(services.lab.inventory, plan), wanted),
  services,
})

function originalsText({ checked, missing }: { readonly checked: number; readonly missing: number }): string {
  if (checked === 0) return 'nothing was looked for: the query under `originals` of the plan gave no path'
  return missing === 0
    ? `${checked} looked for by chance: all in their backup`
    : `${missing} of ${checked} are not in their backup, which is older than the dump`
}
