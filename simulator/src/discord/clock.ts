/** The clock of the two token lives, which tests can move ahead; everything else is in real time. */
export class Clock {
  readonly #listeners = new Set<() => void>()
  readonly #speed: number
  aheadMs = 0

  constructor(speed: number) {
    this.#speed = speed
  }

  /** Milliseconds since 1970, with what it was moved ahead. */
  now(): number {
    return Date.now() + this.aheadMs
  }

  /** A duration of the real platform, as long as it takes here. */
  scaled(ms: number): number {
    return ms * this.#speed
  }

  move(aheadMs: number): void {
    this.aheadMs += aheadMs
    for (const listener of this.#listeners) listener()
  }

  onMove(listener: () => void): void {
    this.#listeners.add(listener)
  }
}
