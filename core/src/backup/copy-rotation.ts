/** Which guest's copy in a repository of restic is drilled next: the one whose drill is the longest ago, by what the repository says. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import { duration } from '../operation/view.ts'
import { type EvidenceServices, lookInto } from './evidence.ts'
import { onlyWanted } from './guest-rotation.ts'
import { freshFor, machineOf, type ResticRepository, resticOf, titleOf } from './plan.ts'
import { type Evidence, evidenceIn, isAhead, openFailure } from './proofs.ts'
import { copyName, copyPlan, type GuestPlan } from './vzdump.ts'

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
 * Those that were never tried come first. One whose copy is too old, or whose node does not answer, is passed over, which
 * `backup status` and the watch of nodes tell anyway: it would be its turn for ever.
 * @param wanted this guest, and not the one whose turn it is
 * @throws HomelabError `not-found` when none of them has a copy to be drilled, why the node of a wanted one is no place for
 * it, what `Restic.snapshots` throws
 */
export async function nextCopy(
  plan: GuestPlan,
  repository: ResticRepository,
  services: EvidenceServices,
  signal: AbortSignal,
  wanted?: string,
): Promise<CopyTurn> {
  const { lab } = services
  const now = services.clock.now()
  const targets = await lab.resolve(plan.guests, { fresh: true, signal })
  const look = await lookInto(repository, asking(plan, targets, services), services, { fresh: true, signal })
  if ('error' in look) throw look.error
  const candidates = targets
    .map((target): Candidate => {
      const evidence = evidenceIn(look.snapshots, copyName(plan, target.guest.vmid))
      const times = [...evidence.drills, ...evidence.failed].map(({ at }) => at)
      const tried = Math.max(...times.filter((at) => !isAhead(at, now)))
      return { target, evidence, ...(Number.isFinite(tried) ? { tried } : {}) }
    })
    .toSorted((a, b) => (a.tried ?? 0) - (b.tried ?? 0) || a.target.guest.vmid - b.target.guest.vmid)
  const passedOver: { name: string; why: string }[] = []
  const nodes = new Map<string, HomelabError | undefined>()
  for (const candidate of await onlyWanted(candidates, wanted, { plan, lab, signal })) {
    const { target, tried } = candidate
    const nothing = nothingOf(candidate, plan, now)
    if (nothing !== undefined) {
      passedOver.push({ name: target.name, why: nothing })
      continue
    }
    const { node } = target.guest
    // Each is asked once, and only when something of it is to be drilled: one that is away takes its time.
    if (!nodes.has(node)) nodes.set(node, await noWayTo(node, { plan, repository }, services, signal))
    const away = nodes.get(node)
    if (away !== undefined && wanted !== undefined) throw away
    if (away !== undefined) {
      passedOver.push({ name: target.name, why: away.message })
      continue
    }
    return {
      name: target.name,
      guest: target.guest,
      ...(tried === undefined ? {} : { tried }),
      of: targets.length,
      passedOver,
      failing: candidates.flatMap((each) =>
        each === candidate || openFailure(each.evidence, now) === undefined ? [] : [each.target.name],
      ),
    }
  }
  const said = passedOver.map(({ name, why }) => `${name}: ${why}`).join(' ')
  throw new HomelabError(
    'not-found',
    targets.length === 0
      ? `The plan ${plan.name} has no guests.`
      : `None of the ${targets.length} guests of ${titleOf(plan)} has a copy in ${titleOf(repository)} to be drilled. ${said}`,
    {
      hint: `\`backup run ${plan.name}\` makes one of each; \`backup status ${plan.name}\` has what is there.`,
    },
  )
}

/** Any node that has a guest of it can ask the repository, when the one that plans of guests are asked from is away. */
function asking(
  plan: GuestPlan,
  targets: readonly Target[],
  { lab, shells }: Pick<EvidenceServices, 'lab' | 'shells'>,
) {
  const [usual] = lab.inventory.ssh
  const others = new Set(targets.map(({ guest }) => guest.node))
  return [
    plan,
    ...[...others]
      .filter((node) => node !== usual?.name && shells.has(node))
      .map((node) => copyPlan(plan, 0, node, [])),
  ]
}

/** @returns why nothing can be fetched to it: a drill that begins there would end there, and be the next one again */
async function noWayTo(
  node: string,
  { plan, repository }: { readonly plan: GuestPlan; readonly repository: ResticRepository },
  services: EvidenceServices,
  signal: AbortSignal,
): Promise<HomelabError | undefined> {
  if (!services.shells.has(node))
    return new HomelabError('config', `There is no SSH access to ${node}, where its archive is.`, {
      hint: 'Give the node an entry under `proxmox.ssh` in homelab.yaml.',
    })
  try {
    const part = copyPlan(plan, 0, node, [])
    const restic = await resticOf(repository, await machineOf(part, services, signal), services.secrets)
    // As the drill will: the node may be there, and restic, or its way to the repository, not.
    await restic.snapshots([`plan=${part.name}`], signal)
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return error
  }
}

/** @returns why there is nothing to be drilled of it */
function nothingOf({ evidence }: Candidate, plan: GuestPlan, now: Date): string | undefined {
  const newest = evidence.proven.findLast(({ at }) => !isAhead(at, now))
  if (newest === undefined) return 'There is no proven copy of it.'
  const age = now.getTime() - newest.at
  if (age <= freshFor(plan)) return undefined
  return `Its newest proven copy is ${duration(age)} old; it may get ${duration(freshFor(plan))}.`
}
