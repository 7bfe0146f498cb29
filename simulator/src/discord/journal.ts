/** What happened, for tests: events to wait for instead of sleeping, and counts of what was really done. */

export type Happening =
  | { readonly kind: 'rest'; readonly route: string; readonly status: number }
  | { readonly kind: 'limited'; readonly route: string; readonly scope: string; readonly retryAfter: number }
  | {
      readonly kind: 'gateway'
      readonly event: 'connected' | 'identified' | 'resumed' | 'invalid' | 'refused' | 'closed'
      readonly session?: string
      readonly code?: number
    }
  | {
      readonly kind: 'interaction'
      readonly interaction: string
      readonly type: string
      readonly user: string
      readonly channel: string
      /** `homelab restart`, or a custom id. */
      readonly name: string
    }
  | {
      readonly kind: 'ack'
      readonly interaction: string
      readonly type: string
      readonly callback: string
      readonly latencyMs: number
    }
  | { readonly kind: 'unanswered'; readonly interaction: string; readonly type: string }
  | {
      readonly kind: 'message'
      readonly change: 'created' | 'edited' | 'deleted'
      readonly message: string
      readonly channel: string
      readonly author: string
      readonly ephemeral: boolean
      /** All that a person reads in it: content, embeds, texts, buttons. */
      readonly text: string
    }
  | { readonly kind: 'ping'; readonly message: string; readonly who: string }
  | { readonly kind: 'thread'; readonly thread: string; readonly channel: string; readonly name: string }
  | {
      readonly kind: 'commands'
      readonly scope: string
      readonly names: readonly string[]
      readonly creates: number
    }

export type Event = { readonly id: number; readonly at: number } & Happening

export interface Counts {
  /** `POST /channels/:channel/messages` → calls that arrived. */
  rest: Record<string, number>
  /** Status → answers. */
  answers: Record<string, number>
  connections: number
  identifies: number
  resumes: number
  interactions: number
  /** Interactions that were delivered to nobody. */
  undelivered: number
  acks: number
  /** First answers that came too late, or never. */
  failedAcks: number
  /** Second answers to an interaction (40060). */
  repeatedAcks: number
  messages: { created: number; edited: number; deleted: number; deduplicated: number }
  /** User or role id, or `@everyone` → pings that rang. */
  pings: Record<string, number>
  commandCreates: number
}

/** Events kept for those who ask late. */
const KEPT = 5_000
/** Latencies kept for percentiles. */
const LATENCIES = 50_000

const noCounts = (): Counts => ({
  rest: {},
  answers: {},
  connections: 0,
  identifies: 0,
  resumes: 0,
  interactions: 0,
  undelivered: 0,
  acks: 0,
  failedAcks: 0,
  repeatedAcks: 0,
  messages: { created: 0, edited: 0, deleted: 0, deduplicated: 0 },
  pings: {},
  commandCreates: 0,
})

const bump = (table: Record<string, number>, key: string): void => {
  table[key] = (table[key] ?? 0) + 1
}

export class Journal {
  #events: Event[] = []
  #next = 1
  #latencies: number[] = []
  readonly #listeners = new Set<(event: Event) => void>()
  counts: Counts = noCounts()

  add(happening: Happening): void {
    const event: Event = { ...happening, id: this.#next, at: Date.now() }
    this.#next += 1
    this.#events.push(event)
    if (this.#events.length > 2 * KEPT) this.#events = this.#events.slice(-KEPT)
    this.#count(happening)
    for (const listener of this.#listeners) listener(event)
  }

  #count(happening: Happening): void {
    const { counts } = this
    if (happening.kind === 'rest') {
      bump(counts.rest, happening.route)
      bump(counts.answers, String(happening.status))
    } else if (happening.kind === 'gateway') {
      if (happening.event === 'connected') counts.connections += 1
      if (happening.event === 'identified') counts.identifies += 1
      if (happening.event === 'resumed') counts.resumes += 1
    } else if (happening.kind === 'interaction') counts.interactions += 1
    else if (happening.kind === 'ack') {
      counts.acks += 1
      this.#latencies.push(happening.latencyMs)
      if (this.#latencies.length > LATENCIES) this.#latencies = this.#latencies.slice(-LATENCIES / 2)
    } else if (happening.kind === 'unanswered') counts.failedAcks += 1
    else if (happening.kind === 'message') counts.messages[happening.change] += 1
    else if (happening.kind === 'ping') bump(counts.pings, happening.who)
    else if (happening.kind === 'commands') counts.commandCreates += happening.creates
  }

  /** First answers since the last reset, in milliseconds from the typing to the arrival of the answer. */
  latency(): { count: number; p50: number; p99: number; max: number } {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
  }

  resetCounts(): void {
    this.counts = noCounts()
    this.#latencies = []
  }

  get last(): number {
    return this.#next - 1
  }

  since(id: number): readonly Event[] {
    return this.#events.filter((event) => event.id > id)
  }

  listen(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
