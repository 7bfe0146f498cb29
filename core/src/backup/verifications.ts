/** Which parts of a repository were read, by notes in the repository itself: nothing of ours must survive for it. */
import type { Snapshot } from './restic/restic.ts'

export interface Verification {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly part: number
  readonly cycle: number
  readonly sound: boolean
}

/** The oldest first. */
export function verifications(snapshots: readonly Snapshot[]): readonly Verification[] {
  return snapshots.flatMap(({ tags, time }) => {
    if (tags?.includes('verified') !== true) return []
    const value = (name: string) => tags.find((tag) => tag.startsWith(`${name}=`))?.slice(name.length + 1)
    return [
      {
        at: Date.parse(time),
        part: Number(value('part')),
        cycle: Number(value('cycle')),
        sound: value('sound') === 'true',
      },
    ]
  })
}

/** The part that comes next; the first one again when the cycle is another. */
export function nextPart(done: readonly Verification[], cycle: number): number {
  const last = done.findLast((one) => one.cycle === cycle)
  return last === undefined ? 1 : (last.part % cycle) + 1
}

/**
 * The newest part that was not as it was stored, unless it was read anew and was sound since: by itself in the same cycle, or
 * with everything else in another one. A sound part after it says nothing of it.
 */
export function damageIn(done: readonly Verification[]): Verification | undefined {
  return done.findLast((bad) => {
    if (bad.sound) return false
    const since = done.filter(({ sound, at }) => sound && at > bad.at)
    if (since.some(({ part, cycle }) => part === bad.part && cycle === bad.cycle)) return false
    const read = new Map<number, Set<number>>()
    for (const { part, cycle } of since) read.set(cycle, (read.get(cycle) ?? new Set()).add(part))
    return ![...read].some(([cycle, parts]) => parts.size >= cycle)
  })
}
