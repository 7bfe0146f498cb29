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
