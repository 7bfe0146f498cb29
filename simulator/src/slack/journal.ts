/** What happened, for tests: events to wait for instead of sleeping, and counts of what was really done. */

export type Happening =
  | {
      readonly kind: 'call'
      readonly method: string
      readonly ok: boolean
      readonly error: string | undefined
      readonly channel: string | undefined
    }
  | {
      readonly kind: 'posted' | 'updated' | 'deleted'
      readonly channel: string
      readonly ts: string
      readonly thread: string | undefined
      /** Who alone sees it, for an ephemeral one. */
      readonly only: string | undefined
      readonly by: string
      readonly text: string
    }
  | {
      readonly kind: 'view'
      readonly action: 'open' | 'push' | 'update' | 'publish' | 'close'
      readonly user: string
      readonly view: string
      readonly callback: string
    }
  | {
      readonly kind: 'sent'
      readonly envelope: string
      readonly type: string
      readonly attempt: number
      readonly socket: number | undefined
    }
  | { readonly kind: 'acked'; readonly envelope: string; readonly type: string; readonly ms: number }
  | { readonly kind: 'unacked'; readonly envelope: string; readonly type: string; readonly reason: string }
  | { readonly kind: 'lost'; readonly event: string; readonly type: string }
  | { readonly kind: 'socket'; readonly state: 'connected' | 'closed' | 'refused'; readonly socket: number }
  | { readonly kind: 'http'; readonly type: string; readonly status: number; readonly replay: boolean }
  | { readonly kind: 'file'; readonly file: string; readonly channel: string; readonly name: string }

export type Event = { readonly id: number; readonly at: number } & Happening

/** Events kept for those who ask late. */
const KEPT = 5000
/** Latencies kept for the percentiles. */
const LATENCIES = 20_000

const noCounts = () => ({
  /** Method → calls that arrived. */
  calls: {} as Record<string, number>,
  /** `chat.update: ratelimited` → calls that were refused. */
  refused: {} as Record<string, number>,
  acks: { sent: 0, acked: 0, failed: 0 },
  events: { emitted: 0, retried: 0, lost: 0 },
  messages: { posted: 0, updated: 0, deleted: 0, ephemeral: 0 },
  /** User id, `here`, `channel`, `everyone` or `subteam:ID` → how often it was really notified. */
  pings: {} as Record<string, number>,
  sockets: { opened: 0, refused: 0, closed: 0 },
})

export type Counts = ReturnType<typeof noCounts>

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/** An event fits when each given field is equal; a text that begins with `~` is a pattern: `~^chat`. */
function matcher(match: unknown): (event: Event) => boolean {
  if (typeof match !== 'object' || match === null) throw new Error('match must be an object of event fields')
  const tests = Object.entries(match).map(([name, wanted]) => {
    const pattern = typeof wanted === 'string' ? /^~(.*)$/s.exec(wanted)?.[1] : undefined
    const regex = pattern === undefined ? undefined : new RegExp(pattern, 's')
    return (event: Event) => {
      const value: unknown = Object.entries(event).find(([key]) => key === name)?.[1]
      return regex ? regex.test(String(value)) : value === wanted
    }
  })
  return (event) => tests.every((test) => test(event))
}

export class Journal {
  #events: Event[] = []
  #latencies: number[] = []
  #next = 1
  readonly #listeners = new Set<(event: Event) => void>()
  counts: Counts = noCounts()

  add(happening: Happening): void {
    const event: Event = { ...happening, id: this.#next, at: Date.now() }
    this.#next += 1
    this.#events.push(event)
    if (this.#events.length > 2 * KEPT) this.#events = this.#events.slice(-KEPT)
    for (const listener of this.#listeners) listener(event)
  }

  count(table: 'calls' | 'refused' | 'pings', row: string): void {
    this.counts[table][row] = (this.counts[table][row] ?? 0) + 1
  }

  latency(ms: number): void {
    this.#latencies.push(ms)
    if (this.#latencies.length > 2 * LATENCIES) this.#latencies = this.#latencies.slice(-LATENCIES)
  }

  /** Milliseconds from the sending of an envelope to its acknowledgement. */
  latencies(): Record<'p50' | 'p95' | 'p99' | 'max', number> {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    return {
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      p99: percentile(sorted, 0.99),
      max: sorted.at(-1) ?? 0,
    }
  }

  /** Forgets counts and events; the ids go on. */
  reset(): void {
    this.counts = noCounts()
    this.#latencies = []
    this.#events = []
  }

  get last(): number {
    return this.#next - 1
  }

  /** The first `count` events after an id that fit, also among those that were; undefined when the time is over. */
  async waitFor(
    match: unknown,
    options: { readonly after: number; readonly count: number; readonly timeoutMs: number },
  ): Promise<readonly Event[] | undefined> {
    const fits = matcher(match)
    const found = this.#events.filter((event) => event.id > options.after && fits(event))
    if (found.length >= options.count) return found.slice(0, options.count)
    const { promise, resolve } = Promise.withResolvers<readonly Event[] | undefined>()
    const timer = setTimeout(() => resolve(undefined), options.timeoutMs)
    const listener = (event: Event): void => {
      if (event.id > options.after && fits(event)) found.push(event)
      if (found.length >= options.count) resolve(found)
    }
    this.#listeners.add(listener)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#listeners.delete(listener)
    }
  }
}
