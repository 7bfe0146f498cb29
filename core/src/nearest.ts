import { distance } from 'fastest-levenshtein'

/** The candidates that a typo most likely meant, best first; [] when none is near. */
export function nearest(typed: string, candidates: Iterable<string>, limit = 3): readonly string[] {
  const wanted = typed.toLowerCase()
  const scored: { candidate: string; score: number }[] = []
  for (const candidate of candidates) {
    const name = candidate.toLowerCase()
    const longest = Math.max(name.length, wanted.length)
    const score = name.startsWith(wanted) && wanted.length > 1 ? 0.5 : distance(wanted, name)
    // Two swapped letters count as two wrong ones. More than a third wrong is another word.
    if (score <= Math.max(longest < 4 ? 1 : 2, longest / 3)) scored.push({ candidate, score })
  }
  return scored
    .sort((a, b) => a.score - b.score || a.candidate.localeCompare(b.candidate))
    .slice(0, limit)
    .map(({ candidate }) => candidate)
}

/** ` Did you mean plex or prowlarr?`, or nothing. */
export function didYouMean(typed: string, candidates: Iterable<string>): string {
  const names = nearest(typed, candidates)
  return names.length === 0 ? '' : ` Did you mean ${joinWords(names, 'or')}?`
}

/** `a, b and c`. */
export function joinWords(words: readonly string[], conjunction: 'and' | 'or' = 'and'): string {
  if (words.length <= 1) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`
}
