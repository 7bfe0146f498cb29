/**
 * What stands in the notes of an archive: the plan that made it, that somebody has looked at it, and what drills found.
 * In the first line alone: of more than one, Proxmox's list of archives shows no other.
 */
import { HomelabError } from '../errors.ts'
import { isUnclear } from '../operation/change.ts'
import type { Archive, Backups } from '../proxmox/backup-types.ts'
import { isAhead } from './proofs.ts'
import type { GuestPlan } from './vzdump.ts'

/** What is known of the system of a copy that was started. */
export const copySystems = ['running', 'degraded', 'answers', 'started'] as const
export type CopySystem = (typeof copySystems)[number]

/** Only then it is proven that a guest comes back: that its copy starts says nothing of what is in it. */
export const cameUp = (system: CopySystem): boolean => system === 'running' || system === 'degraded'

/** An archive was restored for a trial. */
export interface Tried {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly system: CopySystem
}

export interface Marks {
  readonly accepted?: boolean | undefined
  readonly drilled?: Tried | undefined
  /** Of an archive of the same guest that was pruned since. */
  readonly older?: Tried | undefined
  /** When the newest drill of it failed, milliseconds since 1970. */
  readonly failed?: number | undefined
  /** The same of an archive of the same guest that was pruned since. */
  readonly olderFailed?: number | undefined
  /** Somebody has looked at failures up to this one. */
  readonly looked?: number | undefined
  /** When a drill of it, or of one that was pruned since, came to no end that says anything of the archive. */
  readonly tried?: number | undefined
}

/** `{{guestname}}` and its like are filled in by Proxmox. The plan comes last: by that it is known again. */
export const notesOf = ({ name, notes }: Pick<GuestPlan, 'name' | 'notes'>): string =>
  `${notes === undefined ? '' : `${notes}, `}{{guestname}}, plan ${name}`

const tail =
  /(?:^|, )(?:(drilled|an older one drilled) (\S+Z) (running|degraded|answers|started)|(drill failed|an older one failed|failure accepted|tried) (\S+Z)|(accepted))$/

/** How the marks that are a time alone are called. */
const times = {
  'drill failed': 'failed',
  'an older one failed': 'olderFailed',
  'failure accepted': 'looked',
  tried: 'tried',
} as const

interface Notes {
  /** What stands before the marks. */
  readonly base: string
  readonly marks: Marks
  /** Further lines, which are somebody else's. */
  readonly rest: string
}

function parse(notes: string): Notes {
  const [first = '', ...lines] = notes.split('\n')
  let base = first.trimEnd()
  let marks: Marks = {}
  for (let found = tail.exec(base); found !== null; found = tail.exec(base)) {
    const [all, what, drilled, system, named, time, accepted] = found
    const at = Date.parse(drilled ?? time ?? '')
    if (accepted === undefined && Number.isNaN(at)) break
    if (accepted !== undefined) marks = { ...marks, accepted: true }
    else if (named !== undefined) marks = { ...marks, [times[named as keyof typeof times]]: at }
    else
      marks = { ...marks, [what === 'drilled' ? 'drilled' : 'older']: { at, system: system as CopySystem } }
    base = base.slice(0, base.length - all.length)
  }
  return { base, marks, rest: lines.length === 0 ? '' : `\n${lines.join('\n')}` }
}

export const marksOf = ({ notes = '' }: Pick<Archive, 'notes'>): Marks => parse(notes).marks

/** When its own last drill failed, if that is the newest of it; milliseconds since 1970. */
export function failureOf(archive: Pick<Archive, 'notes'>): number | undefined {
  const { failed, drilled } = marksOf(archive)
  return failed === undefined || failed < (drilled?.at ?? 0) ? undefined : failed
}

/** Whether the plan made it. */
export const isOf = ({ notes = '' }: Pick<Archive, 'notes'>, { name }: Pick<GuestPlan, 'name'>): boolean =>
  parse(notes).base.endsWith(`, plan ${name}`)

/** `2026-11-26T02:00:00Z`: a second is enough. */
const timeText = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`
const triedText = ({ at, system }: Tried): string => `${timeText(at)} ${system}`

/** The notes with other marks; everything else of them as it is. */
export function withMarks(notes: string, change: (marks: Marks) => Marks): string {
  const { base, marks, rest } = parse(notes)
  const changed = change(marks)
  const { accepted, drilled, older } = changed
  const parts = [
    ...(base === '' ? [] : [base]),
    ...(accepted === true ? ['accepted'] : []),
    ...(drilled === undefined ? [] : [`drilled ${triedText(drilled)}`]),
    ...(older === undefined ? [] : [`an older one drilled ${triedText(older)}`]),
    ...Object.entries(times).flatMap(([words, key]) => {
      const at = changed[key]
      return at === undefined ? [] : [`${words} ${timeText(at)}`]
    }),
  ]
  return `${parts.join(', ')}${rest}`
}

/** It did not restore, or its copy did not come up. */
export const failedAt =
  (failed: number) =>
  ({ tried: _tried, ...marks }: Marks): Marks => ({ ...marks, failed })

/** It passed. What an older archive had shown stays only while this one shows less. */
export const passed =
  (drilled: Tried) =>
  ({ accepted, older }: Marks): Marks => ({
    accepted,
    drilled,
    older: cameUp(drilled.system) ? undefined : older,
  })

/**
 * Safe to repeat.
 * @throws HomelabError `failed` when the notes do not say it afterwards, whatever the answer was
 */
export async function changeMarks(
  backups: Pick<Backups, 'notes' | 'update'>,
  place: { readonly node: string; readonly archive: string },
  change: (marks: Marks) => Marks,
): Promise<void> {
  // The whole text: the list has its first line, and a change by that would lose the others.
  const before = await backups.notes(place)
  const notes = withMarks(before, change)
  if (notes === before) return
  try {
    await backups.update(place, { notes })
  } catch (error) {
    if (!isUnclear(error)) throw error
  }
  const [wanted, now] = [notes, await backups.notes(place)].map((text) => text.split('\n')[0]?.trimEnd())
  if (wanted !== now)
    throw new HomelabError('failed', `The notes of ${place.archive} do not say what was written there.`, {
      data: { wanted: wanted ?? '', now: now ?? '' },
    })
}

/** What the archives of one guest say of its drills. */
export interface GuestEvidence {
  /** When one of them was last tried, with whatever end. */
  readonly tried?: number
  /** The newest that passed. */
  readonly last?: Tried
  /** The newest whose system came up. */
  readonly proven?: Tried
  /** The newest try that came to an end, when it failed. */
  readonly failed?: number
}

/** @param own of one guest and plan, in any order */
export function evidenceOf(own: readonly Pick<Archive, 'notes'>[], now: Date): GuestEvidence {
  const marks = own.map(marksOf)
  const tries = marks
    .flatMap(({ drilled, older }) => [drilled, older])
    .filter((one) => one !== undefined)
    // By a clock that was wrong it would be nobody's turn until then.
    .filter(({ at }) => !isAhead(at, now))
    .toSorted((a, b) => a.at - b.at)
  const last = tries.at(-1)
  const proven = tries.findLast(({ system }) => cameUp(system))
  const newest = (of: (one: Marks) => readonly (number | undefined)[]): number =>
    Math.max(
      0,
      ...marks
        .flatMap(of)
        .filter((at) => at !== undefined && !isAhead(at, now))
        .map(Number),
    )
  const failed = newest((one) => [one.failed, one.olderFailed])
  const tried = Math.max(
    last?.at ?? 0,
    failed,
    newest((one) => [one.tried]),
  )
  return {
    ...(tried === 0 ? {} : { tried }),
    ...(last === undefined ? {} : { last }),
    ...(proven === undefined ? {} : { proven }),
    ...(failed > 0 && failed >= (last?.at ?? 0) ? { failed } : {}),
  }
}

/**
 * The newest failure that nothing speaks against: no archive passed since that is as new, and nobody has looked at it.
 * @param own of one guest and plan, the newest first
 */
export function unsolved(own: readonly Pick<Archive, 'notes'>[]): number | undefined {
  const marks = own.map(marksOf)
  const looked = Math.max(0, ...marks.map((one) => one.looked ?? 0))
  const failures = marks.flatMap(({ failed = 0, olderFailed = 0 }, index) => {
    const at = Math.max(failed, olderFailed)
    const solved = marks.slice(0, index + 1).some(({ drilled }) => drilled !== undefined && drilled.at > at)
    return at <= looked || solved ? [] : [at]
  })
  return failures.length === 0 ? undefined : Math.max(...failures)
}

/** What drills of archives that go have shown, for the newest that stays. */
export type Carried = Pick<Marks, 'older' | 'olderFailed' | 'looked' | 'tried'>

/** What would be lost of the evidence with some archives, and is to be noted on the newest that stays; {}: nothing. */
export function lostWith(
  gone: readonly Pick<Archive, 'notes'>[],
  kept: readonly Pick<Archive, 'notes'>[],
  now: Date,
): Carried {
  const [all, left] = [evidenceOf([...gone, ...kept], now), evidenceOf(kept, now)]
  const older = bestLost(evidenceOf(gone, now), left)
  const olderFailed = all.failed === left.failed ? undefined : all.failed
  const lookedIn = (some: typeof gone) => Math.max(0, ...some.map((one) => marksOf(one).looked ?? 0))
  const looked = lookedIn(gone)
  const known = Math.max(left.tried ?? 0, older?.at ?? 0, olderFailed ?? 0)
  return {
    ...(older === undefined ? {} : { older }),
    ...(olderFailed === undefined ? {} : { olderFailed }),
    ...(all.failed === undefined || looked <= lookedIn(kept) ? {} : { looked }),
    // Without it, it would be its turn again as if it had never been tried.
    ...(all.tried === undefined || all.tried <= known ? {} : { tried: all.tried }),
  }
}

function bestLost(gone: GuestEvidence, kept: GuestEvidence): Tried | undefined {
  const [lost, left] = [gone.proven ?? gone.last, kept.proven ?? kept.last]
  if (lost === undefined || left === undefined) return lost
  if (cameUp(lost.system) !== cameUp(left.system)) return cameUp(lost.system) ? lost : undefined
  return lost.at > left.at ? lost : undefined
}
