/** "Did you mean": the names that a typo most likely meant. */
import { distance } from 'fastest-levenshtein'

/** Longer than any name: beyond it nothing is compared, so that garbage costs nothing. */
export const longestName = 64

/** One thing that can be completed. `key` is what is compared, in lower case. */
export interface Candidate<T> {
  readonly key: string
  readonly item: T
}

/** At most `limit` of the names that `wrong` may be a typo of, nearest first; [] when none is near. */
export function nearest(wrong: string, names: Iterable<string>, limit = 3): readonly string[] {
  const wanted = wrong.trim().toLowerCase()
  if (wanted === '' || wanted.length > longestName) return []
  const candidates = [...new Set(names)].map((name) => ({ key: name.toLowerCase(), item: name }))
  return nearItems(wanted, candidates).slice(0, limit)
}

/** Those that `wanted` (in lower case) may be a typo or the beginning of, nearest first. */
export function nearItems<T>(wanted: string, candidates: readonly Candidate<T>[]): T[] {
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

/** ` Did you mean plex or prowlarr?`, or nothing. */
export const meant = (names: readonly string[]): string =>
  names.length === 0 ? '' : ` Did you mean ${joinWords(names, 'or')}?`

export const didYouMean = (wrong: string, names: Iterable<string>): string => meant(nearest(wrong, names))

/** `a, b and c`. */
export function joinWords(words: readonly string[], conjunction: 'and' | 'or' = 'and'): string {
  if (words.length <= 1) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`
}
