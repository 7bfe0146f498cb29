/** Finding names: completion while typing, and "did you mean" after a typo. */
import { distance } from 'fastest-levenshtein'

/** Longer than any name: beyond it nothing is compared, so that garbage costs nothing. */
const longest = 64

/** One thing that can be completed. `key` is what is compared, in lower case. */
export interface Candidate<T> {
  readonly key: string
  readonly item: T
}

/** Best first: names that begin with it, then those that hold it, then those that it is a typo of. */
export function search<T>(typed: string, candidates: readonly Candidate<T>[], limit: number): T[] {
  const wanted = typed.trim().toLowerCase()
  if (wanted.length > longest || limit <= 0) return []
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
  if (found.size < limit && wanted.length >= 3) for (const item of near(wanted, candidates)) found.add(item)
  return [...found].slice(0, limit)
}

/** At most `count` of the names that `wrong` may be a typo of, nearest first. */
export function closest(wrong: string, names: Iterable<string>, count: number): string[] {
  const wanted = wrong.trim().toLowerCase()
  if (wanted === '' || wanted.length > longest) return []
  const candidates = [...new Set(names)].map((name) => ({ key: name.toLowerCase(), item: name }))
  return near(wanted, candidates).slice(0, count)
}

function near<T>(wanted: string, candidates: readonly Candidate<T>[]): T[] {
  const allowed = Math.max(1, Math.floor(wanted.length / 3))
  const scored: { readonly score: number; readonly item: T }[] = []
  for (const { key, item } of candidates) {
    // What one types is often only the beginning, or the name is only a part of it.
    const begins =
      wanted.length >= 3 && (key.startsWith(wanted) || (key.length >= 3 && wanted.startsWith(key)))
    if (begins) {
      scored.push({ score: 0.5, item })
      continue
    }
    if (key.length <= wanted.length + allowed && key.length >= wanted.length - allowed) {
      const whole = swapped(wanted, key) ? 1 : distance(wanted, key)
      if (whole <= allowed) {
        scored.push({ score: whole, item })
        continue
      }
    }
    if (key.length > wanted.length + 1) {
      const beginning = distance(wanted, key.slice(0, wanted.length))
      if (beginning < allowed) scored.push({ score: beginning + 0.5, item })
    }
  }
  return scored.toSorted((a, b) => a.score - b.score).map(({ item }) => item)
}

/** Two neighbouring letters in the wrong order: the commonest slip, which Levenshtein counts as two. */
function swapped(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  return a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2)
}
