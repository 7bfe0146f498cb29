/** Rate limits: a bucket for each route and its place, one for all, and the count of invalid requests. */
import type { MovableClock } from './clock.ts'
import type { Faults } from './faults.ts'

export interface Limit {
  /** Calls in a window. */
  readonly count: number
  readonly windowMs: number
}

const GLOBAL: Limit = { count: 50, windowMs: 1_000 }
const INVALID = 10_000
const INVALID_MS = 600_000
const BAN_MS = 3_600_000

interface Window {
  used: number
  endsAt: number
}

export interface Ruling {
  readonly headers: Record<string, string>
  /** Seconds to wait, when it is refused. */
  readonly retryAfter: number | undefined
  readonly scope: 'user' | 'global' | 'shared'
}

export class Limits {
  readonly #clock: MovableClock
  readonly #faults: Faults
  readonly #windows = new Map<string, Window>()
  #global: Window = { used: 0, endsAt: 0 }
  #invalidSince = 0
  #bannedUntil = 0

  constructor(clock: MovableClock, faults: Faults) {
    this.#clock = clock
    this.#faults = faults
  }

  clear(): void {
    this.#windows.clear()
    this.#global = { used: 0, endsAt: 0 }
    this.#bannedUntil = 0
    this.#invalidSince = 0
  }

  #open(window: Window | undefined, limit: Limit): Window {
    const now = Date.now()
    if (window && window.endsAt > now) return window
    return { used: 0, endsAt: now + this.#clock.scaled(limit.windowMs) }
  }

  /** Takes one call out of both, or says how long to wait. */
  take(route: string, place: string, limit: Limit, global: boolean): Ruling {
    const now = Date.now()
    if (global) {
      this.#global = this.#open(this.#global, GLOBAL)
      if (this.#global.used >= GLOBAL.count)
        return refused(this.#global.endsAt - now, 'global', { 'x-ratelimit-global': 'true' })
      this.#global.used += 1
    }
    const key = `${route} ${place}`
    const window = this.#open(this.#windows.get(key), limit)
    this.#windows.delete(key)
    this.#windows.set(key, window)
    if (this.#windows.size > 10_000)
      for (const [old, { endsAt }] of this.#windows) if (endsAt <= now) this.#windows.delete(old)
    const over = window.used >= limit.count
    if (!over) window.used += 1
    const left = Math.max(0, window.endsAt - now)
    const headers = {
      'x-ratelimit-limit': String(limit.count),
      'x-ratelimit-remaining': String(limit.count - window.used),
      'x-ratelimit-reset': (window.endsAt / 1000).toFixed(3),
      'x-ratelimit-reset-after': (left / 1000).toFixed(3),
      'x-ratelimit-bucket': bucketOf(route),
    }
    return over ? refused(left, 'user', headers) : { headers, retryAfter: undefined, scope: 'user' }
  }

  /** An answer went out: 401, 403 and 429 count towards a ban, except those of a limit that others share. */
  note(status: number, scope: string): void {
    if ((status !== 401 && status !== 403 && status !== 429) || scope === 'shared') return
    const now = Date.now()
    // The first window goes on from what a test has set.
    if (now - this.#invalidSince > INVALID_MS) {
      if (this.#invalidSince !== 0) this.#faults.invalidRequests = 0
      this.#invalidSince = now
    }
    this.#faults.invalidRequests += 1
    if (this.#faults.invalidRequests >= INVALID) this.#bannedUntil = now + BAN_MS
  }

  /** Seconds that the address stays banned; undefined when it is not. */
  get banned(): number | undefined {
    const left = this.#bannedUntil - Date.now()
    return left > 0 ? left / 1000 : undefined
  }
}

const refused = (ms: number, scope: 'user' | 'global', headers: Record<string, string>): Ruling => ({
  headers,
  retryAfter: Math.max(1, Math.ceil(ms)) / 1000,
  scope,
})

/** Discord names buckets by opaque hashes; routes of one bucket share the name. */
function bucketOf(route: string): string {
  let hash = 0n
  for (const letter of route)
    hash = (hash * 1_099_511_628_211n + BigInt(letter.charCodeAt(0))) & ((1n << 64n) - 1n)
  return hash.toString(16).padStart(16, '0')
}
