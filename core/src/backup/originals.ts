/** Whether what a database says of files is true of another plan's backup: Immich's rows and their originals. */
import { HomelabError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { PostgresPlan } from './ask-postgres.ts'
import type { DatabasesDrill } from './job/drill-databases-script.ts'
import { chooseRepository, openPlace, type RestoreServices } from './place.ts'
import { environmentOf, isResticPlan, planNamed, repositoriesOf, titleOf } from './plan.ts'
import { type Point, pointsOf } from './point.ts'

/** Before the names of the variables of another plan's repository. */
const prefixOf = (index: number): string => `HL_ORIGINALS_${index}_`

export interface OriginalsFound {
  readonly originals: NonNullable<DatabasesDrill['originals']>
  /** By their names in the job. */
  readonly secrets: Readonly<Record<string, Secret>>
}

/**
 * The snapshots to look into: the first one that was begun after the dump, in which every file that the dump knows of
 * must be; or the newest, which may lack what came after it.
 * @throws HomelabError `not-found`, `usage` or `config` when the other plan is none of files, or has nothing proven
 */
export async function originalsOf(
  { originals = [] }: Pick<PostgresPlan, 'originals'>,
  dumped: Pick<Point, 'at'>,
  services: RestoreServices,
  signal: AbortSignal,
): Promise<OriginalsFound> {
  const { inventory } = services.lab
  const found = await Promise.all(
    originals.map(async ({ plan: name, ...wanted }, index) => {
      const plan = planNamed(inventory, name)
      if (!isResticPlan(plan) || plan.method !== 'restic')
        throw new HomelabError('config', `${titleOf(plan)} has no files to look for originals in.`, {
          hint: 'Name a plan of `method: restic` under `originals`.',
        })
      const repository = chooseRepository(plan, repositoriesOf(inventory, plan))
      const { restic } = await openPlace({ plan, repository, services }, signal)
      const points = await pointsOf(restic, plan.name, signal)
      const chosen = points.find(({ at }) => at >= dumped.at) ?? points.at(-1)
      if (chosen === undefined)
        throw new HomelabError('not-found', `${titleOf(plan)} has no proven snapshot to look into.`, {
          hint: `\`backup run ${plan.name}\` makes one.`,
        })
      const environment = await environmentOf(repository, services.secrets)
      const names = Object.keys(environment)
      return {
        original: {
          ...wanted,
          names,
          prefix: prefixOf(index),
          snapshot: chosen.snapshot,
          later: chosen.at >= dumped.at,
        },
        secrets: Object.entries(environment).map(
          ([key, secret]) => [`${prefixOf(index)}${key}`, secret] as const,
        ),
      }
    }),
  )
  return {
    originals: found.map(({ original }) => original),
    secrets: Object.fromEntries(found.flatMap(({ secrets }) => secrets)),
  }
}
