import { setTimeout as sleep } from 'node:timers/promises'

/** The servers' clock, which a fault can set wrong, and their durations, which `speed` shortens. */
export class Clock {
  readonly #speed: number
  /** Milliseconds that the servers' clock is ahead of the real one. */
  aheadMs = 0

  constructor(speed: number) {
    this.#speed = speed
  }

  now(): number {
    return Date.now() + this.aheadMs
  }

  seconds(): number {
    return Math.floor(this.now() / 1000)
  }

  /** Milliseconds of real time that stand for this many milliseconds on a real server. */
  scaled(ms: number): number {
    return ms * this.#speed
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await sleep(this.scaled(ms), undefined, { ref: false, ...(signal && { signal }) })
  }
}
