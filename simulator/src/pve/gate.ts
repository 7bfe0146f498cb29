import type { Journal } from '../journal.ts'

interface Held {
  readonly verb: string
  readonly path: string
  readonly phase: 'before' | 'after'
}

/** Requests that a fault holds, until a test lets them go on. */
export class Gate {
  readonly #journal: Journal
  #waiting: (() => void)[] = []

  constructor(journal: Journal) {
    this.#journal = journal
  }

  async hold(what: Held): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    this.#journal.add({ kind: 'held', ...what })
    await promise
  }

  release(): number {
    const released = this.#waiting
    this.#waiting = []
    for (const resolve of released) resolve()
    return released.length
  }
}
