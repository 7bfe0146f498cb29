import { z } from 'zod'
import {
  type ArchivesOver,
  archivesOver,
  noteJson,
  refuseDoubtful,
  removeArchives,
} from '../../backup/archive-prune.ts'
import { onlyWanted } from '../../backup/guest-rotation.ts'
import {
  isResticPlan,
  type PlanServices,
  planNamed,
  type ResticRepository,
  repositoriesOf,
  titleOf,
} from '../../backup/plan.ts'
import { type Prunable, prunable, prune } from '../../backup/prune.ts'
import type { NamedPlan } from '../../backup/run.ts'
import { copyPlan, type GuestPlan } from '../../backup/vzdump.ts'
import { type ErrorData, errorData, fromErrorData, HomelabError, isHomelabError } from '../../errors.ts'
import type { BackupEntry, RepositoryEntry } from '../../inventory/schema.ts'
import type { Target } from '../../inventory/types.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Verbs } from '../../operation/types.ts'
import type { Clock } from '../../ports.ts'
import type { Proxmox } from '../../proxmox/types.ts'
import { planInput, repositoryInput } from './inputs.ts'

const Counts = z.object({ repository: z.string(), expired: z.int(), broken: z.int(), kept: z.int() })
/** Where nothing was removed, and why. */
const NotPruned = z.object({
  repository: z.string(),
  why: z.string(),
  hint: z.string().optional(),
  /** It is how the repository is meant to be: append-only. */
  meant: z.literal(true).optional(),
})

export const backupPrune = defineOperation({
  id: 'backup.prune',
  chat: 'backup prune',
  title: 'Remove what need not be kept',
  description:
    'Removes proven snapshots that the retention of the plan has no place for, and broken ones of over a week. Nothing of what is suspiciously small at its newest, or has failed its last drill: of guests, of each by itself.',
  risk: 'destructive',
  permission: 'admin',
  deadlineMs: 86_400_000,
  input: z.object({
    plan: planInput,
    guest: z
      .string()
      .optional()
      .describe('Of a plan of whole guests: only of this one')
      .meta({ suggest: 'guests' }),
    repository: repositoryInput,
    force: z
      .boolean()
      .default(false)
      .describe(
        'Although the newest is much smaller than the largest that is kept, or the last drill failed',
      ),
  }),
  output: z.object({
    title: z.string(),
    repositories: z.array(Counts),
    refused: z.array(NotPruned),
  }),
  positional: ['plan'],
  examples: ['backup prune photos', 'backup prune lxc guest:plex repository:b2 force:true'],
  needs: ['lab', 'shells', 'secrets', 'clock', 'proxmox'],
  async plan({ plan: name, force, ...only }, services, { signal }) {
    const plan = planNamed(services.lab.inventory, name)
    const found: Looked[] = []
    for (const part of await partsOf(plan, only, services, signal))
      found.push(await look(part, force, signal))
    const refused = found.filter(isRefused)
    const over = found.filter((one): one is Over => !isRefused(one))
    refuseAll(over, refused)
    return {
      summary: `Remove old snapshots of ${titleOf(plan)}`,
      steps: over.map(
        ({ repository, expired, broken, kept }) =>
          `${repository}: ${expired} that are over${broken === 0 ? '' : ` and ${broken} broken ones`} go, ${kept} stay`,
      ),
      affects: [],
      warnings: [
        'What is removed cannot be brought back.',
        ...over.flatMap(({ repository, forced }) =>
          forced === undefined ? [] : [`By force, although: ${repository}: ${forced}`],
        ),
        ...refused.map(refusedText),
      ],
      locks: [
        `backup/${plan.name}`,
        ...repositoriesOf(services.lab.inventory, plan).map((repository) => `repository/${repository.name}`),
      ],
      state: { remove: over.map(({ remove }) => [...remove]) },
    }
  },
  async run({ plan: name, force, ...only }, services, verbs) {
    const plan = planNamed(services.lab.inventory, name)
    const repositories: z.infer<typeof Counts>[] = []
    const refused: Refused[] = []
    for (const part of await partsOf(plan, only, services, verbs.signal)) {
      const found = (await verbs.step(
        part.step,
        async () => (await look(part, force, verbs.signal)) as unknown as Json,
      )) as unknown as Looked
      if (isRefused(found)) {
        verbs.log(refusedText(found))
        refused.push(found)
        continue
      }
      await part.remove(found, verbs)
      const { repository, expired, broken, kept } = found
      repositories.push({ repository, expired, broken, kept })
    }
    refuseAll(repositories, refused)
    return {
      title: titleOf(plan),
      repositories,
      refused: refused.map(({ repository, error: { message: why, hint, data } }) => ({
        repository,
        why,
        ...(isMeant(data) ? { meant: true as const } : {}),
        ...(hint === undefined ? {} : { hint }),
      })),
    }
  },
  card({ title, repositories, refused }) {
    const doubtful = refused.filter(({ meant }) => meant !== true).map(({ repository }) => repository)
    return {
      title: `${title} is pruned${doubtful.length === 0 ? '' : `, but for ${doubtful.join(', ')}`}`,
      // As long as one is in doubt it is no success: a scheduler takes that for the end of all trouble.
      tone: doubtful.length === 0 ? 'ok' : 'error',
      sections: [
        {
          kind: 'list',
          items: repositories.map(
            ({ repository, expired, broken, kept }) =>
              `${repository}: ${expired + broken} removed, ${kept} proven ones kept`,
          ),
        },
        ...(refused.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                title: 'Nothing was removed of',
                items: refused.map(({ repository, why, hint }) =>
                  [`${repository}: ${why}`, hint ?? ''].join(' ').trim(),
                ),
              },
            ]),
      ],
    }
  },
})

type Over = z.infer<typeof Counts> & {
  readonly remove: readonly string[]
  /** Why nothing would be removed, had nobody said so. */
  readonly forced?: string
} & Pick<Prunable, 'notes'> &
  Pick<ArchivesOver, 'note'>

interface Refused {
  readonly repository: string
  readonly error: ErrorData
}
type Looked = Over | Refused

const isRefused = (found: Looked): found is Refused => 'error' in found
const refusedText = ({ repository, error }: Refused): string => `${repository}: ${error.message}`

/** What a plan keeps in one place: of a plan of guests, each guest's by itself. */
interface Part {
  readonly repository: string
  readonly step: string
  /** @throws HomelabError `conflict` when nothing may be removed of it */
  over(options: { readonly force: boolean; readonly signal: AbortSignal }): Promise<Over>
  remove(over: Over, verbs: Verbs): Promise<void>
}

/** That one guest's archives are in doubt must not fill the disk with those of the others. */
async function look(part: Part, force: boolean, signal: AbortSignal): Promise<Looked> {
  try {
    return await part.over({ force: false, signal })
  } catch (error) {
    if (!isHomelabError(error) || error.code !== 'conflict') throw error
    const refused = { repository: part.repository, error: errorData(error) }
    if (!force || isMeant(error.data)) return refused
    // Only what is refused is forced: of nothing else it is to be noted that somebody has looked.
    return await look(
      { ...part, over: async () => ({ ...(await part.over({ force, signal })), forced: error.message }) },
      false,
      signal,
    )
  }
}

const isMeant = (data: ErrorData['data']): boolean => data?.reason === 'append-only'

/** @throws HomelabError the first refusal, when nothing is left to be done */
function refuseAll(done: readonly unknown[], [first, ...others]: readonly Refused[]): void {
  if (done.length > 0 || first === undefined) return
  const { message } = first.error
  const also = others.length === 0 ? '' : ` Nor of ${others.map(({ repository }) => repository).join('; ')}.`
  throw fromErrorData({ ...first.error, message: `${message}${also}` })
}

type Services = PlanServices & { readonly proxmox: Proxmox; readonly clock: Clock }

/** @throws HomelabError `not-found` for a repository or a guest that the plan does not have, `usage` for a guest of a plan without */
async function partsOf(
  plan: BackupEntry,
  only: { readonly guest?: string | undefined; readonly repository?: string | undefined },
  services: Services,
  signal: AbortSignal,
): Promise<readonly Part[]> {
  const { lab } = services
  const wanted = only.repository?.toLowerCase()
  const isWanted = ({ name }: { readonly name: string }) => wanted === undefined || name === wanted
  const mine = lab.inventory.repositories.filter(({ name }) => plan.to.includes(name))
  if (!mine.some(isWanted)) {
    const names = mine.map(({ name }) => name)
    throw new HomelabError(
      'not-found',
      `${titleOf(plan)} has no repository ${only.repository}.${didYouMean(wanted ?? '', names)}`,
    )
  }
  const repositories = repositoriesOf(lab.inventory, plan).filter(isWanted)
  if (isResticPlan(plan)) {
    if (only.guest !== undefined)
      throw new HomelabError('usage', `${titleOf(plan)} saves no guests: leave out \`guest\`.`)
    return repositories.map((repository) => snapshotsOf(plan, repository, services))
  }
  const all = (await lab.resolve(plan.guests, { signal })).map((target) => ({ target }))
  const targets = (await onlyWanted(all, only.guest, { plan, lab, signal })).map(({ target }) => target)
  const storages = mine.filter((repository) => isWanted(repository) && repository.storage !== undefined)
  return [
    ...storages.flatMap((repository) =>
      targets.map((target) => archivesOf(plan, { repository, target }, services)),
    ),
    ...repositories.flatMap((repository) =>
      targets.map((target) =>
        snapshotsOf(
          copyPlan(plan, target.guest.vmid, target.guest.node, []),
          repository,
          services,
          target.name,
        ),
      ),
    ),
  ]
}

function archivesOf(
  plan: GuestPlan,
  { repository, target: { guest, name } }: { readonly repository: RepositoryEntry; readonly target: Target },
  { proxmox, clock }: Services,
): Part {
  const place = { plan, storage: repository.storage ?? '', guest, proxmox }
  const title = titleOf(repository)
  const step = `${title}: old archives of ${guest.vmid}`
  return {
    repository: `${title}, ${name}`,
    step,
    async over({ force, signal }) {
      const found = await archivesOver(place, { force, now: clock.now(), signal })
      refuseDoubtful(found, name, plan)
      const { remove, kept, note } = found
      const counts = { repository: `${title}, ${name}`, expired: remove.length, broken: 0, kept }
      return { ...counts, remove, ...noteJson(note) }
    },
    remove: async (over, verbs) => await removeArchives(place, over, verbs, step),
  }
}

/** @param guest whose copies they are */
function snapshotsOf(
  plan: NamedPlan,
  repository: ResticRepository,
  services: Services,
  guest?: string,
): Part {
  const named = guest === undefined ? titleOf(repository) : `${titleOf(repository)}, ${guest}`
  return {
    repository: named,
    step: `${repository.name}/${plan.name}: look`,
    async over(options) {
      const found = await prunable(plan, repository, { ...services, now: services.clock.now() }, options)
      return { ...found, repository: named }
    },
    remove: async (over, verbs) => await prune(plan, repository, over, services, verbs),
  }
}
