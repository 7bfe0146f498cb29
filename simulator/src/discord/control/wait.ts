import type { Event, Journal } from '../journal.ts'

/** An event fits when each given field is equal; a text that begins with `~` is a pattern: `~restarted$`. */
function matcher(match: unknown): (event: Event) => boolean {
  if (typeof match !== 'object' || match === null) throw new Error('match must be an object of event fields')
  const tests = Object.entries(match).map(([name, wanted]) => {
    const pattern = typeof wanted === 'string' ? /^~(.*)$/s.exec(wanted)?.[1] : undefined
    const regex = pattern === undefined ? undefined : new RegExp(pattern)
    return (event: Event) => {
      const value: unknown = Object.entries(event).find(([key]) => key === name)?.[1]
      return regex ? regex.test(String(value)) : value === wanted
    }
  })
  return (event) => tests.every((test) => test(event))
}

interface WaitOptions {
  /** Only events after this id. */
  readonly after: number
  /** How many of them there must be. */
  readonly count: number
  readonly timeoutMs: number
}

/** The first `count` events that fit, also among those that were; undefined when the time is over. */
export async function waitFor(
  journal: Journal,
  match: unknown,
  options: WaitOptions,
): Promise<readonly Event[] | undefined> {
  const fits = matcher(match)
  const found = journal.since(options.after).filter(fits).slice(0, options.count)
  if (found.length >= options.count) return found
  const { promise, resolve } = Promise.withResolvers<readonly Event[] | undefined>()
  const timer = setTimeout(() => resolve(undefined), options.timeoutMs)
  const stop = journal.listen((event) => {
    if (event.id > options.after && fits(event)) found.push(event)
    if (found.length >= options.count) resolve(found)
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    stop()
  }
}
