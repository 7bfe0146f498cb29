const mostRemembered = 5_000

/** Adds to what is kept of the last few thousand. */
export function remember(set: Set<string>, key: string): void {
  set.add(key)
  const [oldest] = set
  if (set.size > mostRemembered && oldest !== undefined) set.delete(oldest)
}
