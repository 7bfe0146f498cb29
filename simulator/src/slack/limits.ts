/** Rate limits, as buckets that fill again by the second. */

/** Calls a minute that Slack promises by tier. It tolerates bursts of that many. */
const TIERS = { 1: 1, 2: 20, 3: 50, 4: 100 } as const
/** Posting: about one message a second in each channel, and short bursts. */
const POSTS_PER_SECOND = 1
const POST_BURST = 5
/** The lowest tier tolerates a few reconnects in a row: Slack itself asks for them. */
const TIER_1_BURST = 10

export type Tier = keyof typeof TIERS | 'post' | 'none'

interface Bucket {
  tokens: number
  at: number
}

export class RateLimits {
  readonly #buckets = new Map<string, Bucket>()

  /** 0 when the call may be made, else the seconds of `Retry-After`. */
  take(method: string, tier: Tier, channel: string, factor: number): number {
    if (tier === 'none' || factor === 0) return 0
    const perSecond = factor * (tier === 'post' ? POSTS_PER_SECOND : TIERS[tier] / 60)
    const burst = factor * (tier === 'post' ? POST_BURST : tier === 1 ? TIER_1_BURST : TIERS[tier])
    const key = tier === 'post' ? `${method} ${channel}` : method
    const now = performance.now()
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now }
    this.#buckets.set(key, bucket)
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
    bucket.at = now
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond))
    bucket.tokens -= 1
    return 0
  }

  reset(): void {
    this.#buckets.clear()
  }
}
