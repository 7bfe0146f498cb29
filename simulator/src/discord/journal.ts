/** What happened, for tests: events, and counts of what was really done. */
import { EventLog } from '../process/event-log.ts'
import { Latencies } from '../process/latencies.ts'

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
  /** Interactions that came to no session, or that one had not confirmed when it ended for good. */
  unheard: string[]
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

const noCounts = (): Counts => ({
  rest: {},
  answers: {},
  connections: 0,
  identifies: 0,
  resumes: 0,
  interactions: 0,
  undelivered: 0,
  unheard: [],
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

export class Journal extends EventLog<Happening> {
  /** First answers since the last reset, from the typing to the arrival of the answer. */
  readonly latencies = new Latencies()
  counts: Counts = noCounts()

  override add(happening: Happening): void {
    this.#count(happening)
    super.add(happening)
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
      this.latencies.add(happening.latencyMs)
    } else if (happening.kind === 'unanswered') counts.failedAcks += 1
    else if (happening.kind === 'message') counts.messages[happening.change] += 1
    else if (happening.kind === 'ping') bump(counts.pings, happening.who)
    else if (happening.kind === 'commands') counts.commandCreates += happening.creates
  }

  resetCounts(): void {
    this.counts = noCounts()
    this.latencies.clear()
  }
}
