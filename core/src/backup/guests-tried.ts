/** What drills have shown of the guests of a plan: of their archives by the notes of those, of their copies by what restic has. */
import type { Archive } from '../proxmox/backup-types.ts'
import { evidenceOf, isOf } from './archive-notes.ts'
import type { GuestPlan } from './vzdump.ts'

export interface GuestTried {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What drills have shown of the guests of a plan, by the notes of its archives. */
export interface GuestsTried {
  readonly of: number
  /** Those whose copy's system came up, the one of the longest ago first. */
  readonly proven: readonly GuestTried[]
  /** Those whose copy started, and no more is known. */
  readonly started: readonly GuestTried[]
  /** Those whose last drill failed. */
  readonly failed: readonly GuestTried[]
  /** Those of which no drill came to an end yet. */
  readonly untried: readonly string[]
  /** Of their copies by restic, which are restored as files: whether they come up is a matter of the archives. */
  readonly copies?: true
}

const triedAt = <T extends { readonly name: string }>(
  each: readonly T[],
  of: (one: T) => number | undefined,
): readonly GuestTried[] =>
  each
    .flatMap((one) => {
      const at = of(one)
      return at === undefined ? [] : [{ name: one.name, at }]
    })
    .toSorted((a, b) => a.at - b.at)

interface Standing {
  readonly name: string
  /** When a drill of it passed, and when one failed that none has passed since; milliseconds since 1970. */
  readonly restored?: number
  readonly drillFailed?: number
}

export const copiesTried = (each: readonly Standing[]): GuestsTried => ({
  copies: true,
  of: each.length,
  proven: triedAt(each, ({ restored }) => restored),
  started: [],
  failed: triedAt(each, ({ drillFailed }) => drillFailed),
  untried: each.flatMap(({ name, restored, drillFailed }) =>
    (restored ?? drillFailed) === undefined ? [name] : [],
  ),
})

export function guestsTried(
  plan: GuestPlan,
  each: readonly { readonly name: string; readonly mine: readonly Archive[] }[],
  now: number,
): GuestsTried {
  const tried = each.map(({ name, mine }) => ({
    name,
    ...evidenceOf(
      mine.filter((archive) => isOf(archive, plan)),
      new Date(now),
    ),
  }))
  return {
    of: each.length,
    proven: triedAt(tried, ({ proven }) => proven?.at),
    started: triedAt(tried, ({ proven, last }) => (proven === undefined ? last?.at : undefined)),
    failed: triedAt(tried, ({ failed }) => failed),
    untried: tried.flatMap(({ name, last, failed }) =>
      last === undefined && failed === undefined ? [name] : [],
    ),
  }
}
