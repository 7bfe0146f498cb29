import { Clock } from '../clock.ts'

/** The clock of the two token lives, which tests can move ahead; everything else is in real time. */
export class MovableClock extends Clock {
  readonly #listeners = new Set<() => void>()

  move(aheadMs: number): void {
    this.aheadMs += aheadMs
    for (const listener of this.#listeners) listener()
  }

  onMove(listener: () => void): void {
    this.#listeners.add(listener)
  }
}
