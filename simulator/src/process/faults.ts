/** What every peer does with its faults: an object of values, each at first as if nothing went wrong. */

/** Uses up one of the next N, if any is left. */
export function take<Counter extends string>(faults: Record<Counter, number>, name: Counter): boolean {
  if (faults[name] <= 0) return false
  faults[name] -= 1
  return true
}

const kind = (thing: unknown): string => (Array.isArray(thing) ? 'array' : typeof thing)

/** @throws Error naming the first thing that is not a fault, so that a test's typo cannot pass silently */
export function mergeFaults(faults: object, wanted: unknown): void {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) {
    throw new Error('faults must be an object')
  }
  const known: Record<string, unknown> = { ...faults }
  for (const [name, value] of Object.entries(wanted)) {
    if (!(name in known)) throw new Error(`no fault "${name}"; there are: ${Object.keys(known).join(', ')}`)
    if (kind(value) !== kind(known[name])) throw new Error(`fault "${name}" is a ${kind(known[name])}`)
  }
  Object.assign(faults, wanted)
}
