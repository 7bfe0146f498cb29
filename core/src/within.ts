/**
 * Aborted when that one is, or after so many milliseconds. Node holds the timeout in an `AbortSignal.any` so loosely that it is lost,
 * and never comes, when memory is tidied while nobody listens: somebody does here.
 */
export function within(ms: number, signal: AbortSignal | undefined): AbortSignal {
  if (signal === undefined) return AbortSignal.timeout(ms)
  const both = AbortSignal.any([signal, AbortSignal.timeout(ms)])
  both.addEventListener('abort', () => undefined, { once: true })
  return both
}
