/** When it is told that what is exposed is not what is meant. Pure: a row counts when two looks in a row have found it. */
import { z } from 'zod'

export const DriftState = z.object({
  /** Rows of the look before. */
  seen: z.array(z.string()),
  /** The card that is on show, and the rows that it speaks of. */
  trouble: z.object({ id: z.string(), rows: z.array(z.string()), untold: z.boolean() }).exactOptional(),
  /** A card that a newer one has taken the place of, or whose rows are gone: to be brought to its end. */
  over: z.array(z.object({ id: z.string(), why: z.enum(['gone', 'newer']) })),
})
export type DriftState = z.infer<typeof DriftState>

export const nothingDrifts: DriftState = { seen: [], over: [] }

/**
 * @param rows ids of what is wrong now
 * @param what begins the ids of its cards
 * @returns the state after this look; what is in `over` and an `untold` trouble is to be told
 */
export function judgeDrift(
  before: DriftState,
  rows: readonly string[],
  now: Date,
  what = 'drift',
): DriftState {
  const idAt = (time: Date): string => `watch-${what}-${time.getTime().toString(36)}`
  const seen = [...new Set(rows)]
  const lasting = seen.filter((row) => before.seen.includes(row))
  const { trouble } = before
  if (trouble === undefined) {
    if (lasting.length === 0) return { seen, over: before.over }
    return { seen, over: before.over, trouble: { id: idAt(now), rows: lasting, untold: true } }
  }
  // What one look did not find may only not have been looked at.
  const still = trouble.rows.filter((row) => seen.includes(row) || before.seen.includes(row))
  const fresh = lasting.filter((row) => !trouble.rows.includes(row))
  if (fresh.length > 0)
    return {
      seen,
      over: [...before.over, { id: trouble.id, why: 'newer' }],
      // A card that only changes rings no bell.
      trouble: { id: idAt(now), rows: [...still, ...fresh], untold: true },
    }
  if (still.length === 0) return { seen, over: [...before.over, { id: trouble.id, why: 'gone' }] }
  const untold = trouble.untold || still.length < trouble.rows.length
  return { seen, over: before.over, trouble: { id: trouble.id, rows: still, untold } }
}

/** All of it was told. */
export const driftTold = ({ seen, trouble }: DriftState): DriftState => ({
  seen,
  over: [],
  ...(trouble === undefined ? {} : { trouble: { ...trouble, untold: false } }),
})
