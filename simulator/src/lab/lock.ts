import { setTimeout as sleep } from 'node:timers/promises'

/** A lock file as flock(2) gives it: one holder, the others wait in line for so long and no longer. */
export class FileLock {
  #held = false
  #waiting: (() => void)[] = []

  /** False when it was not free within this many real milliseconds. */
  async acquire(ms: number): Promise<boolean> {
    if (!this.#held) {
      this.#held = true
      return true
    }
    const given = Promise.withResolvers<true>()
    const turn = () => given.resolve(true)
    this.#waiting.push(turn)
    const won = await Promise.race([given.promise, sleep(ms, false, { ref: false })])
    if (won) return true
    // The turn may have come in the same tick as the end of the wait: then it is ours to pass on.
    if (this.#waiting.includes(turn)) this.#waiting = this.#waiting.filter((other) => other !== turn)
    else this.release()
    return false
  }

  release(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#held = false
  }
}
