/** Sessions as signed cookies: nothing to store, nothing to lose in a restart when the key is kept. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

export interface Session {
  readonly id: string
  /** What a form of this session carries: another site can neither read nor guess it. */
  readonly csrf: string
  /** Of its cookie. */
  readonly value: string
}

export const sessionSeconds = 30 * 24 * 3600

export class Sessions {
  readonly #key: Uint8Array
  readonly #now: () => Date
  /** Logged out before their end. A restart with a new key forgets all sessions, and with a kept one these. */
  readonly #ended = new Set<string>()

  constructor(key: Uint8Array = randomBytes(32), now: () => Date = () => new Date()) {
    this.#key = key
    this.#now = now
  }

  create(): Session {
    const id = randomBytes(16).toString('base64url')
    const until = Math.floor(this.#now().getTime() / 1000) + sessionSeconds
    return this.#session(id, `${id}.${until}`)
  }

  /** undefined when the cookie is not one of ours, too old, or was logged out. */
  read(value: string | undefined): Session | undefined {
    const [id, until, mac] = (value ?? '').split('.')
    if (id === undefined || until === undefined || mac === undefined) return undefined
    const session = this.#session(id, `${id}.${until}`)
    if (!same(session.value, `${id}.${until}.${mac}`)) return undefined
    if (Number(until) * 1000 < this.#now().getTime() || this.#ended.has(id)) return undefined
    return session
  }

  end({ id }: Session): void {
    this.#ended.add(id)
  }

  #session(id: string, payload: string): Session {
    return { id, csrf: this.#mac(`csrf:${id}`), value: `${payload}.${this.#mac(`session:${payload}`)}` }
  }

  #mac(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url')
  }
}

export function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Wrong tokens are free five times; after that each doubles the wait, to five minutes. */
export class Throttle {
  readonly #failures = new Map<string, { count: number; until: number }>()
  readonly #now: () => Date

  constructor(now: () => Date = () => new Date()) {
    this.#now = now
  }

  /** Seconds until this address may try again. */
  wait(address: string): number {
    const until = this.#failures.get(address)?.until ?? 0
    return Math.max(0, Math.ceil((until - this.#now().getTime()) / 1000))
  }

  failed(address: string): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1
    const seconds = count < 5 ? 0 : Math.min(300, 2 ** (count - 4))
    // The oldest goes: a million addresses must not fill the memory.
    const [oldest] = this.#failures.keys()
    if (this.#failures.size >= 1_000 && oldest !== undefined) this.#failures.delete(oldest)
    this.#failures.delete(address)
    this.#failures.set(address, { count, until: this.#now().getTime() + seconds * 1000 })
  }

  passed(address: string): void {
    this.#failures.delete(address)
  }
}
