/** Numbers on the command line of a peer. Each throws a sentence for the person who typed the command. */

/** @throws Error */
export function wholeNumber<Fallback extends number | undefined>(
  name: string,
  text: string | undefined,
  fallback: Fallback,
  smallest = 0,
): number | Fallback {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < smallest)
    throw new Error(`--${name} must be a whole number of at least ${smallest}, not "${text}"`)
  return value
}

/**
 * A factor on durations or limits, 1 when it is not given.
 * @param off whether 0 is allowed, which switches off what it is a factor on
 * @throws Error
 */
export function factor(name: string, text: string | undefined, off = false): number {
  const value = Number(text ?? 1)
  if (!Number.isFinite(value) || value < 0 || (value === 0 && !off))
    throw new Error(`--${name} must be a number ${off ? 'of at least' : 'above'} 0, not "${text}"`)
  return value
}
