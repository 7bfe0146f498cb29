/** Kept for the percentiles, the newest. */
const KEPT = 25_000

/** Milliseconds. */
export interface Latency {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

export class Latencies {
  #kept: number[] = []

  add(ms: number): void {
    this.#kept.push(ms)
    if (this.#kept.length > 2 * KEPT) this.#kept = this.#kept.slice(-KEPT)
  }

  summary(): Latency {
    const sorted = this.#kept.toSorted((a, b) => a - b)
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? 0 }
  }

  clear(): void {
    this.#kept = []
  }
}
