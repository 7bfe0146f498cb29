/** What the repositories have, looked up once for all plans and remembered for a moment: each look costs restic a second. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { BackupEntry } from '../inventory/schema.ts'
import type { Lab } from '../inventory/types.ts'
import type { Clock } from '../ports.ts'
import { machineOf, type PlanServices, type ResticRepository, repositoriesOf, resticOf } from './plan.ts'
import type { Snapshot } from './restic/restic.ts'

/** Milliseconds. */
const rememberedMs = 60_000

export type Look =
  | { readonly at: number; readonly snapshots: readonly Snapshot[] }
  /** It could not be looked at: what is in it is not known, which is not the same as nothing. */
  | { readonly at: number; readonly error: HomelabError }

type Looks = Map<string, Promise<Look>>
/** Of each lab; a look that is under way is shared. */
const remembered = new WeakMap<Lab, Looks>()

export interface EvidenceServices extends PlanServices {
  readonly clock: Clock
}

/** @throws the signal's reason only: what is wrong with the repository is in the result */
export async function lookInto(
  repository: ResticRepository,
  plans: readonly BackupEntry[],
  services: EvidenceServices,
  { fresh = false, signal }: { readonly fresh?: boolean; readonly signal?: AbortSignal } = {},
): Promise<Look> {
  const looks: Looks = remembered.get(services.lab) ?? new Map()
  remembered.set(services.lab, looks)
  const now = services.clock.monotonic()
  const known = fresh ? undefined : await looks.get(repository.name)
  if (known !== undefined && now - known.at < rememberedMs) return known
  const look = ask(repository, plans, services, signal)
  looks.set(repository.name, look)
  try {
    return await look
  } catch (error) {
    looks.delete(repository.name)
    throw error
  }
}

/** What was found is not true any more. */
export function forgetLooks(lab: Lab, repository: string): void {
  remembered.get(lab)?.delete(repository)
}

async function ask(
  repository: ResticRepository,
  plans: readonly BackupEntry[],
  services: EvidenceServices,
  signal?: AbortSignal,
): Promise<Look> {
  const at = services.clock.monotonic()
  let last: HomelabError | undefined
  // Any machine that has a plan for it can ask: when one is away, another one may do.
  for (const plan of plans) {
    if (!plan.to.includes(repository.name)) continue
    try {
      const machine = await machineOf(plan, services, signal)
      const restic = await resticOf(repository, machine, services.secrets)
      return { at, snapshots: await restic.snapshots([], signal) }
    } catch (error) {
      signal?.throwIfAborted()
      if (!isHomelabError(error)) throw error
      last = error
    }
  }
  return { at, error: last ?? new HomelabError('config', `No plan backs up to ${repository.name}.`) }
}

/** Of these plans, each repository once. */
export function repositoriesFor(
  services: Pick<PlanServices, 'lab'>,
  plans: readonly BackupEntry[],
): readonly ResticRepository[] {
  const all = plans.flatMap((plan) => repositoriesOf(services.lab.inventory, plan))
  return [...new Map(all.map((repository) => [repository.name, repository])).values()]
}
