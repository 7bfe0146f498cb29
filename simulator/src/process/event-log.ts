/** Events to wait for instead of sleeping. */

/** `at`: milliseconds since 1970. Ids go up by 1. */
export type Logged<Happening> = { readonly id: number; readonly at: number } & Happening

export interface Wanted {
  /** Only events after this id. */
  readonly after: number
  /** How many of them there must be. */
  readonly count: number
  readonly timeoutMs: number
}

/** Events kept for those who ask late. */
const KEPT = 5_000

/**
 * An event fits when each given field is equal; a text that begins with `~` is a pattern, `~restarted$`,
 * whose dot fits a line's end too.
 */
function matcher(match: unknown): (event: object) => boolean {
  if (typeof match !== 'object' || match === null) throw new Error('match must be an object of event fields')
  const tests = Object.entries(match).map(([name, wanted]) => {
    const pattern = typeof wanted === 'string' ? /^~(.*)$/s.exec(wanted)?.[1] : undefined
    const regex = pattern === undefined ? undefined : new RegExp(pattern, 's')
    return (event: object) => {
      const value: unknown = Object.entries(event).find(([key]) => key === name)?.[1]
      return regex ? regex.test(String(value)) : value === wanted
    }
  })
  return (event) => tests.every((test) => test(event))
}

export class EventLog<Happening extends object> {
  #events: Logged<Happening>[] = []
  #next = 1
  readonly #listeners = new Set<(event: Logged<Happening>) => void>()

  add(happening: Happening): void {
    const event = { ...happening, id: this.#next, at: Date.now() }
    this.#next += 1
    this.#events.push(event)
    if (this.#events.length > 2 * KEPT) this.#events = this.#events.slice(-KEPT)
    for (const listener of this.#listeners) listener(event)
  }

  /** The id of the newest event. */
  get last(): number {
    return this.#next - 1
  }

  /** The ids go on. */
  forgetEvents(): void {
    this.#events = []
  }

  /**
   * The first `count` events that fit, also among those that were; undefined when the time is over.
   * @throws Error when `match` is no object, or a pattern is none
   */
  async waitFor(match: unknown, wanted: Wanted): Promise<readonly Logged<Happening>[] | undefined> {
    const fits = matcher(match)
    const found = this.#events.filter((event) => event.id > wanted.after && fits(event))
    if (found.length >= wanted.count) return found.slice(0, wanted.count)
    const { promise, resolve } = Promise.withResolvers<readonly Logged<Happening>[] | undefined>()
    const timer = setTimeout(() => resolve(undefined), wanted.timeoutMs)
    const listener = (event: Logged<Happening>): void => {
      if (event.id > wanted.after && fits(event)) found.push(event)
      if (found.length >= wanted.count) resolve(found)
    }
    this.#listeners.add(listener)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#listeners.delete(listener)
    }
  }
}
