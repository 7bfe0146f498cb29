/** How often one program may call. */

/** Calls a minute: a workflow with a hundred items at once is fine, one that runs in circles is not. */
const PER_MINUTE = 600

export class Pace {
  readonly #calls = new Map<string, { count: number; until: number }>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Counts a call. @returns the seconds to wait when there were too many; 0: go on */
  take(caller: string): number {
    const now = this.#now()
    const before = this.#calls.get(caller)
    const minute = before === undefined || before.until <= now ? { count: 0, until: now + 60_000 } : before
    this.#calls.set(caller, { ...minute, count: minute.count + 1 })
    return minute.count < PER_MINUTE ? 0 : Math.ceil((minute.until - now) / 1000)
  }
}
