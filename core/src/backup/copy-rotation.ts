/** Which guest's copy in a repository of restic is drilled next: the one whose drill is the longest ago, by what the repository says. */
import { HomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import { duration } from '../operation/view.ts'
import { type EvidenceServices, lookInto } from './evidence.ts'
import { onlyWanted } from './guest-rotation.ts'
import { freshFor, type ResticRepository, titleOf } from './plan.ts'
import { type Evidence, evidenceIn, isAhead, openFailure } from './proofs.ts'
import { copyName, type GuestPlan } from './vzdump.ts'

export interface CopyTurn {
  readonly name: string
  readonly guest: Target['guest']
  /** When it was last tried, milliseconds since 1970. */
  readonly tried?: number
  /** Guests of the plan. */
  readonly of: number
  /** Whose turn it would have been, and why there is nothing to be drilled. */
  readonly passedOver: readonly { readonly name: string; readonly why: string }[]
  /** Others of the plan, the last drill of whose copy failed. */
  readonly failing: readonly string[]
}

interface Candidate {
  readonly target: Target
  readonly evidence: Evidence
  readonly tried?: number
}

/**
 * Those that were never tried come first. One whose copy is too old is passed over, which `backup status` tells anyway: it
 * would be its turn for ever.
 * @param wanted this guest, and not the one whose turn it is
 * @throws HomelabError `not-found` when none of them has a copy to be drilled, what `Restic.snapshots` throws
 */
export async function nextCopy(
  plan: GuestPlan,
  repository: ResticRepository,
  services: EvidenceServices,
  signal: AbortSignal,
  wanted?: string,
): Promise<CopyTurn> {
  const { lab, clock } = services
  const targets = await lab.resolve(plan.guests, { fresh: true, signal })
  const look = await lookInto(repository, [plan], services, { fresh: true, signal })
  if ('error' in look) throw look.error
  const candidates = targets
    .map((target): Candidate => {
      const evidence = evidenceIn(look.snapshots, copyName(plan, target.guest.vmid))
      const tried = Math.max(...[...evidence.drills, ...evidence.failed].map(({ at }) => at))
      return { target, evidence, ...(Number.isFinite(tried) ? { tried } : {}) }
    })
    .toSorted((a, b) => (a.tried ?? 0) - (b.tried ?? 0) || a.target.guest.vmid - b.target.guest.vmid)
  const passedOver: { name: string; why: string }[] = []
  for (const candidate of await onlyWanted(candidates, wanted, { plan, lab, signal })) {
    const { target, tried } = candidate
    const why = nothingOf(candidate, plan, clock.now())
    if (why !== undefined) {
      passedOver.push({ name: target.name, why })
      continue
    }
    return {
      name: target.name,
      guest: target.guest,
      ...(tried === undefined ? {} : { tried }),
      of: targets.length,
      passedOver,
      failing: candidates.flatMap((each) =>
        each === candidate || openFailure(each.evidence) === undefined ? [] : [each.target.name],
      ),
    }
  }
  const said = passedOver.map(({ name, why }) => `${name}: ${why}`).join(' ')
  throw new HomelabError(
    'not-found',
    targets.length === 0
      ? `The plan ${plan.name} has no guests.`
      : `None of the ${targets.length} guests of ${titleOf(plan)} has a copy in ${titleOf(repository)} to be drilled. ${said}`,
    { hint: `\`backup run ${plan.name}\` makes one of each.` },
  )
}

/** @returns why there is nothing to be drilled of it */
function nothingOf({ evidence }: Candidate, plan: GuestPlan, now: Date): string | undefined {
  const newest = evidence.proven.findLast(({ at }) => !isAhead(at, now))
  if (newest === undefined) return 'There is no proven copy of it.'
  const age = now.getTime() - newest.at
  if (age <= freshFor(plan)) return undefined
  return `Its newest proven copy is ${duration(age)} old; it may get ${duration(freshFor(plan))}.`
}
