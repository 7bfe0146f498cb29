/** What a repository has of a plan. A snapshot counts only with its proof beside it, whatever any exit code said. */
import type { AnyTag, Snapshot } from './restic/restic.ts'

/** A snapshot that has its proof beside it, and what was in it. */
export interface Proven {
  readonly snapshot: string
  /** The snapshot that proves it. */
  readonly proof: string
  readonly plan: string
  readonly run: string
  /** When it was begun, milliseconds since 1970. */
  readonly at: number
  readonly files: number
  readonly bytes: number
  /** Of all tables together. */
  readonly rows?: number
}

export interface Pending {
  readonly snapshot: string
  readonly plan: string
  readonly run: string
  readonly at: number
}

/** A proven snapshot that was restored for a trial, and was whole. */
export interface Drill {
  /** The snapshot that says so. */
  readonly id: string
  readonly plan: string
  readonly run: string
  /** Of the snapshot that was tried. Kept also when that one is gone by now. */
  readonly of: string
  /** When it had passed, milliseconds since 1970. */
  readonly at: number
  /** How long it took. */
  readonly ms: number
}

/** A trial of a proven snapshot that did not pass. */
export interface FailedDrill {
  /** Of the snapshot that was tried. */
  readonly of: string
  /** When it was noted, milliseconds since 1970. */
  readonly at: number
  /** `nobody`: it says nothing of the snapshot, only that it had its turn. */
  readonly whose: Blamed
  /** Which trial it was; notes of older versions do not say. */
  readonly run: string
  /** The first of the files, or folders, that it was about. */
  readonly paths: readonly string[]
}
/** What a drill that did not pass has shown: that the backup is not what it should be, or nothing. */
export type Blamed = 'backup' | 'nobody'

export interface Evidence {
  /** The oldest first. */
  readonly proven: readonly Proven[]
  /** Those that passed, the oldest first. */
  readonly drills: readonly Drill[]
  /** Those that did not, the oldest first. */
  readonly failed: readonly FailedDrill[]
  /** Without a proof: still on its way, or broken off. */
  readonly pending: readonly Pending[]
  /** Proofs of what is not there any more. */
  readonly orphans: readonly string[]
  /** Snapshots that somebody has looked at: nothing older is compared with what comes after them. */
  readonly accepted: ReadonlySet<string>
  /** When somebody looked into a failed drill, and says that older snapshots may go all the same; milliseconds since 1970. */
  readonly looked: readonly number[]
}

/** Also where all was copied from: a proof that was copied with it says that. */
const isCalled = ({ id, original }: Snapshot, of: string): boolean =>
  id.startsWith(of) || original?.startsWith(of) === true

/** From a clock that was wrong: it would be the newest until then. */
export const isAhead = (at: number, now: Date): boolean => at > now.getTime() + 3_600_000

const tagOf = ({ tags }: Snapshot, name: string): string | undefined =>
  tags?.find((tag) => tag.startsWith(`${name}=`))?.slice(name.length + 1)

/** Of a failed drill in a tag of its own: versions that do not know such a note would take it for a backup that was broken off. */
const planOf = (one: Snapshot): string | undefined =>
  tagOf(one, 'plan') ?? (isFailed(one) || isLooked(one) ? tagOf(one, 'drill-of') : undefined)

/** What a repository is asked for to learn all of a plan that `evidenceIn` knows. */
export const allOf = (plan: string): AnyTag => ({ any: [`plan=${plan}`, `drill-of=${plan}`] })

/** @param plan only of this one */
export function evidenceIn(snapshots: readonly Snapshot[], plan?: string): Evidence {
  const mine = snapshots.filter((one) => {
    const of = planOf(one)
    return of !== undefined && (plan === undefined || of === plan)
  })
  const data = new Map<string, Snapshot[]>()
  for (const one of mine) {
    if (isProof(one) || isDrill(one) || isFailed(one) || isLooked(one) || isAccepted(one)) continue
    const run = tagOf(one, 'run') ?? ''
    data.set(run, [...(data.get(run) ?? []), one])
  }
  const proven: Proven[] = []
  const orphans: string[] = []
  const taken = new Set<string>()
  for (const proof of mine.filter(isProof)) {
    const [run = '', of = ''] = [tagOf(proof, 'run'), tagOf(proof, 'of')]
    // Before 0.15 a backup says the short id of what it saved.
    const snapshot = of.length < 8 ? undefined : data.get(run)?.find((one) => isCalled(one, of))
    if (snapshot === undefined || taken.has(snapshot.id)) {
      orphans.push(proof.id)
      continue
    }
    taken.add(snapshot.id)
    const rows = tagOf(proof, 'rows')
    proven.push({
      snapshot: snapshot.id,
      proof: proof.id,
      plan: tagOf(proof, 'plan') ?? '',
      run,
      at: Date.parse(snapshot.time),
      files: Number(tagOf(proof, 'files') ?? 0),
      bytes: Number(tagOf(proof, 'bytes') ?? 0),
      ...(rows === undefined ? {} : { rows: Number(rows) }),
    })
  }
  const pending = [...data.values()]
    .flat()
    .filter(({ id }) => !taken.has(id))
    .map((one) => ({
      snapshot: one.id,
      plan: tagOf(one, 'plan') ?? '',
      run: tagOf(one, 'run') ?? '',
      at: Date.parse(one.time),
    }))
  // Copied from another repository: that is what was tried, and not what is here.
  const here = mine.filter(({ original }) => original === undefined)
  const drills = here.filter(isDrill).map((one) => ({
    id: one.id,
    plan: tagOf(one, 'plan') ?? '',
    run: tagOf(one, 'run') ?? '',
    of: tagOf(one, 'of') ?? '',
    at: Date.parse(one.time),
    ms: Number(tagOf(one, 'ms') ?? 0),
  }))
  const failed = here.filter(isFailed).map(
    (one): FailedDrill => ({
      of: tagOf(one, 'of') ?? '',
      at: Date.parse(one.time),
      whose: tagOf(one, 'whose') === 'nobody' ? 'nobody' : 'backup',
      run: tagOf(one, 'run') ?? '',
      paths: pathsOf(one),
    }),
  )
  return {
    proven: proven.toSorted((a, b) => a.at - b.at),
    drills: drills.toSorted((a, b) => a.at - b.at),
    failed: failed.toSorted((a, b) => a.at - b.at),
    pending,
    orphans,
    looked: here.filter(isLooked).map(({ time }) => Date.parse(time)),
    accepted: new Set(mine.filter(isAccepted).map((one) => tagOf(one, 'of') ?? '')),
  }
}

/** Somebody has looked at this snapshot, and says that it is as it should be although it is smaller. */
export const acceptedTags = ({ plan, snapshot }: Proven): readonly string[] => [
  'accepted',
  `plan=${plan}`,
  `of=${snapshot}`,
]
/** Of a drill that did not pass. */
export interface FailureNote {
  readonly plan: string
  /** The snapshot that was tried. */
  readonly of: string
  readonly run: string
  readonly whose: Blamed
  readonly paths: readonly string[]
}

/** So many say enough: what is rotten shows in any of them. */
export const mostPaths = 3

export const failedDrillTags = ({ plan, of, run, whose, paths }: FailureNote): readonly string[] => [
  'drill-failed',
  `drill-of=${plan}`,
  `of=${of}`,
  `run=${run}`,
  `whose=${whose}`,
  // A comma would begin another tag.
  ...paths.slice(0, mostPaths).map((path) => `path=${encodeURIComponent(path.toWellFormed())}`),
]

const pathsOf = ({ tags }: Snapshot): readonly string[] =>
  (tags ?? []).flatMap((tag) => (tag.startsWith('path=') ? (decoded(tag.slice('path='.length)) ?? []) : []))

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    // Written by somebody else: it names no file.
    return undefined
  }
}

const isFailed = ({ tags }: Snapshot): boolean => tags?.includes('drill-failed') === true

export const lookedTags = (plan: string): readonly string[] => ['drill-looked', `drill-of=${plan}`]

const isLooked = ({ tags }: Snapshot): boolean => tags?.includes('drill-looked') === true

type Tried = Pick<Evidence, 'drills' | 'failed'>

/** The drills that found something wrong with the backup since one passed, without those of a clock that was wrong. */
function openFailures({ drills, failed }: Tried, now: Date): readonly FailedDrill[] {
  const passed = drills.findLast(({ at }) => !isAhead(at, now))?.at ?? 0
  return failed.filter(({ whose, at }) => whose === 'backup' && at > passed && !isAhead(at, now))
}

/** The last drill that found something wrong with the backup, unless one has passed since. */
export const openFailure = (tried: Tried, now: Date): FailedDrill | undefined =>
  openFailures(tried, now).at(-1)

/** The same, unless somebody has looked since: what is older may be removed then, and the backup is in doubt as before. */
export function unsolved(evidence: Tried & Pick<Evidence, 'looked'>, now: Date): FailedDrill | undefined {
  const open = openFailure(evidence, now)
  const looked = open !== undefined && evidence.looked.some((at) => at > open.at && !isAhead(at, now))
  return looked ? undefined : open
}

/** Files that must be tried again before a drill that passes says anything of what is wrong, the last ones first. */
export const openPaths = (tried: Tried, now: Date): ReadonlySet<string> =>
  new Set(
    openFailures(tried, now)
      .flatMap(({ paths }) => paths)
      .toReversed(),
  )

const isAccepted = ({ tags }: Snapshot): boolean => tags?.includes('accepted') === true
const isDrill = ({ tags }: Snapshot): boolean => tags?.includes('drilled') === true
const isProof = ({ tags }: Snapshot): boolean => tags?.includes('proof') === true

export interface Shrinkage {
  readonly what: 'bytes' | 'rows' | 'files'
  readonly before: number
  readonly now: number
  /** Percent that is gone. */
  readonly percent: number
}

/**
 * What the newest has so much less of than any that is kept that something may be lost. Not only than the one before: a
 * loss stays one on the next day, and many small ones are a large one.
 */
export function shrunk(
  { proven, accepted }: Pick<Evidence, 'proven' | 'accepted'>,
  limitPercent: number,
  now: Date,
): readonly Shrinkage[] {
  const past = proven.filter(({ at }) => !isAhead(at, now))
  const from = Math.max(
    0,
    past.findLastIndex(({ snapshot }) => accepted.has(snapshot)),
  )
  const compared = past.slice(from)
  const newest = compared.at(-1)
  if (newest === undefined) return []
  // How many files a dump is in depends on whether it was streamed; its rows say more.
  const told = newest.rows === undefined ? (['bytes', 'files'] as const) : (['bytes', 'rows'] as const)
  return told.flatMap((what) => {
    const most = Math.max(0, ...compared.map((one) => one[what] ?? 0))
    const here = newest[what] ?? 0
    const percent = most <= 0 ? 0 : ((most - here) / most) * 100
    return percent > limitPercent ? [{ what, before: most, now: here, percent }] : []
  })
}
