/** What a webhook trigger has told already, as it is kept with the workflow. */

/** How one thing is known again. */
export interface Known {
  readonly print: string
  /** The print of what is no longer so with it, and is told when it is so again. */
  readonly ends?: string
}

/**
 * Those that were not seen yet, in their order. What is seen again stays remembered for longer: what a sender repeats for
 * weeks is not forgotten for what came in between.
 * @param before the newest first
 * @param most how many prints are kept
 */
export function unseen<T extends Known>(
  before: readonly string[],
  all: readonly T[],
  most: number,
): { readonly fresh: readonly T[]; readonly prints: readonly string[] } {
  const prints = new Set(before.toReversed())
  const fresh = all.filter(({ print, ends }) => {
    if (ends !== undefined) prints.delete(ends)
    const known = prints.delete(print)
    prints.add(print)
    return !known
  })
  return { fresh, prints: [...prints].toReversed().slice(0, most) }
}
