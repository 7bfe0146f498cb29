/** Who calls, what their token may, and how often. */
import type { IncomingMessage } from 'node:http'
import type { Sim } from '../sim.ts'
import { Refusal } from './envelope.ts'
import type { Token, World } from './world.ts'

/** Milliseconds: of the window in which calls are counted, and of the block when there were too many. */
const WINDOW_MS = 300_000

interface Count {
  since: number
  calls: number
  blockedUntil: number
}

export class Quota {
  readonly #sim: Sim
  readonly #counts = new Map<string, Count>()

  constructor(sim: Sim) {
    this.#sim = sim
  }

  reset(): void {
    this.#counts.clear()
  }

  /** Counts a call. `retryAfter` in seconds when it is one too many; then every call is, for five minutes. */
  take(who: string): { readonly headers: Readonly<Record<string, string>>; readonly retryAfter?: number } {
    const now = this.#sim.clock.now()
    const quota = this.#sim.faults.cloudflareQuota
    const count = this.#counts.get(who) ?? { since: now, calls: 0, blockedUntil: 0 }
    this.#counts.set(who, count)
    if (now >= count.since + WINDOW_MS) Object.assign(count, { since: now, calls: 0 })
    count.calls += 1
    if (count.calls > quota && now >= count.blockedUntil)
      Object.assign(count, { blockedUntil: now + WINDOW_MS, since: now + WINDOW_MS, calls: 0 })
    const seconds = Math.ceil((count.since + WINDOW_MS - now) / 1000)
    const left = Math.max(0, quota - count.calls)
    const policy = `"default";q=${quota};w=${WINDOW_MS / 1000}`
    if (now < count.blockedUntil) {
      const retryAfter = Math.ceil((count.blockedUntil - now) / 1000)
      const headers = { ratelimit: `"default";r=0;t=${retryAfter}`, 'ratelimit-policy': policy }
      return { headers: { ...headers, 'retry-after': String(retryAfter) }, retryAfter }
    }
    return { headers: { ratelimit: `"default";r=${left};t=${seconds}`, 'ratelimit-policy': policy } }
  }
}

/** @throws Refusal */
export function tokenOf(world: World, request: IncomingMessage): Token {
  const header = request.headers.authorization ?? ''
  if (header === '') throw new Refusal(400, 9106, 'Missing X-Auth-Key, X-Auth-Email or Authorization headers')
  const value = /^Bearer ([A-Za-z0-9_-]{40,})$/.exec(header)?.[1]
  if (value === undefined)
    throw new Refusal(400, 6003, 'Invalid request headers', [
      { code: 6111, message: 'Invalid format for Authorization header' },
    ])
  const token = world.tokens.find((each) => each.value === value)
  if (token === undefined || token.status !== 'active') throw new Refusal(403, 9109, 'Invalid access token')
  return token
}

/** `Account · Cloudflare Tunnel · Edit` may read as well. */
export function may({ permissions }: Token, wanted: string): boolean {
  return permissions.includes(wanted) || permissions.includes(wanted.replace(/ · Read$/, ' · Edit'))
}
