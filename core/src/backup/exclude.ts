/** What restic's --exclude takes out of a backup. Facts: restic's filter package. */

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '')

/** One component of a pattern: `*`, `?` and `[a-z]`, none of which crosses a `/`. */
function componentMatches(pattern: string, part: string): boolean {
  const source = pattern.replace(/\[\^?[^\]]+\]|\\.|[*?]|[.+^${}()|[\]\\]/g, (token) => {
    if (token === '*') return '.*'
    if (token === '?') return '.'
    if (token.length > 1) return token
    return `\\${token}`
  })
  try {
    return new RegExp(`^(?:${source})$`, 's').test(part)
  } catch {
    return false
  }
}

/** Whether these components are at the start of the path; `**` stands for any number of them. */
function startsWith(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return true
  if (first === '**') {
    return path.some((_, index) => startsWith(rest, path.slice(index))) || startsWith(rest, [])
  }
  const [part, ...others] = path
  return part !== undefined && componentMatches(first, part) && startsWith(rest, others)
}

/** A pattern with a leading `/` is of the whole path; any other matches anywhere in it. A folder takes what is below it. */
function matches(pattern: string, path: string): boolean {
  const wanted = parts(pattern)
  const there = parts(path)
  if (wanted.length === 0) return false
  if (pattern.startsWith('/')) return startsWith(wanted, there)
  return there.some((_, index) => startsWith(wanted, there.slice(index)))
}

/** Whether the whole of this path is left out. A later pattern with `!` brings back what an earlier one took. */
export function isExcluded(path: string, patterns: readonly string[]): boolean {
  let excluded = false
  for (const pattern of patterns) {
    const back = pattern.startsWith('!')
    if (back === excluded && matches(back ? pattern.slice(1) : pattern, path)) excluded = !back
  }
  return excluded
}

/** Patterns that take something below the path, though not all of it: those that name a place below. */
export const excludedBelow = (path: string, patterns: readonly string[]): readonly string[] =>
  patterns.filter((pattern) => {
    const below = pattern.startsWith('/') && parts(pattern).length > parts(path).length
    return below && startsWith(parts(path), parts(pattern))
  })

/** Whether `path` is `folder` or in it. */
export const isWithin = (path: string, folder: string): boolean => {
  const outer = parts(folder)
  return parts(path).slice(0, outer.length).join('/') === outer.join('/')
}

/** `path`, which is within `from`, as it is called where `from` is called `to`. */
export const moved = (path: string, from: string, to: string): string =>
  `/${[...parts(to), ...parts(path).slice(parts(from).length)].join('/')}`
