/** Finding names while somebody types. */
import { type Candidate, longestName, nearItems } from '../nearest.ts'

/** Best first: names that begin with it, then those that hold it, then those that it is a typo of. */
export function search<T>(typed: string, candidates: readonly Candidate<T>[], limit: number): T[] {
  const wanted = typed.trim().toLowerCase()
  if (wanted.length > longestName || limit <= 0) return []
  // Sets, because one thing may be listed under several names.
  const begins = new Set<T>()
  const holds = new Set<T>()
  for (const { key, item } of candidates) {
    const at = key.indexOf(wanted)
    if (at === 0) begins.add(item)
    else if (at > 0 && holds.size < limit) holds.add(item)
    if (begins.size >= limit) return [...begins]
  }
  const found = new Set([...begins, ...holds])
  if (found.size < limit && wanted.length >= 3)
    for (const item of nearItems(wanted, candidates)) found.add(item)
  return [...found].slice(0, limit)
}
