/** The snapshot that a restore or a drill reads: a proven one, unless somebody insists. */
import { HomelabError } from '../errors.ts'
import { titleOf, typedName } from './plan.ts'
import { evidenceIn, isAhead, type Proven } from './proofs.ts'
import type { Restic, Snapshot } from './restic/restic.ts'

export interface Point {
  /** Whole. */
  readonly snapshot: string
  /** When it was begun, milliseconds since 1970. */
  readonly at: number
  /** What was saved, as it was called there. */
  readonly paths: readonly string[]
  /** Undefined: nobody has read it back. */
  readonly proven?: Proven
}

export interface Wanted {
  /** The beginning of its id; default: the newest proven one. */
  readonly snapshot?: string | undefined
  readonly unproven?: boolean
}

/** The proven ones of a plan, the oldest first. */
export async function pointsOf(
  restic: Restic,
  plan: string,
  signal?: AbortSignal,
): Promise<readonly (Point & { readonly proven: Proven })[]> {
  const snapshots = await restic.snapshots([`plan=${plan}`], signal)
  return evidenceIn(snapshots, plan).proven.map((proven) => ({
    ...pointAt(snapshots, proven.snapshot, proven.at),
    proven,
  }))
}

/**
 * @param wanted.now what is of later was saved with a wrong clock, and is not the newest
 * @throws HomelabError `not-found`, `ambiguous`, `conflict` for one without a proof
 */
export async function pointOf(
  restic: Restic,
  plan: {
    readonly name: string
    readonly title?: string | undefined
    readonly part?: { readonly plan: string }
  },
  { snapshot, unproven = false, now }: Wanted & { readonly now: Date },
  signal?: AbortSignal,
): Promise<Point> {
  const snapshots = await restic.snapshots([`plan=${plan.name}`], signal)
  const { proven, pending } = evidenceIn(snapshots, plan.name)
  if (snapshot === undefined) {
    const newest = proven.findLast(({ at }) => !isAhead(at, now))
    if (newest !== undefined) return { ...pointAt(snapshots, newest.snapshot, newest.at), proven: newest }
    throw new HomelabError('not-found', `${titleOf(plan)} has no proven snapshot to restore from.`, {
      hint:
        pending.length === 0
          ? `\`backup run ${typedName(plan)}\` makes one.`
          : `${pending.length} without a proof: \`backup list ${typedName(plan)}\` has them. They may be broken.`,
    })
  }
  const matching = [...proven, ...pending].filter((one) => one.snapshot.startsWith(snapshot))
  const [only, ...others] = matching
  if (only === undefined || snapshot.length < 4)
    throw new HomelabError('not-found', `${titleOf(plan)} has no snapshot ${snapshot}.`, {
      hint: `\`backup list ${typedName(plan)}\` has them all.`,
    })
  if (others.length > 0)
    throw new HomelabError('ambiguous', `Several snapshots begin with ${snapshot}.`, {
      hint: 'Type more of the id.',
    })
  const found = proven.find((one) => one.snapshot === only.snapshot)
  const point = pointAt(snapshots, only.snapshot, only.at)
  if (found !== undefined) return { ...point, proven: found }
  if (unproven) return point
  throw new HomelabError(
    'conflict',
    `The snapshot ${only.snapshot.slice(0, 8)} has no proof: it may be broken.`,
    {
      hint: 'Take a proven one, or say `unproven:true` when there is nothing better.',
    },
  )
}

const pointAt = (snapshots: readonly Snapshot[], id: string, at: number): Omit<Point, 'proven'> => ({
  snapshot: id,
  at,
  paths: snapshots.find((one) => one.id === id)?.paths ?? [],
})
