/** What happened, for tests: events, and counts of what was really done. */
import { EventLog } from '../process/event-log.ts'
import { Latencies } from '../process/latencies.ts'

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

export class Journal extends EventLog<Happening> {
  /** From the sending of an envelope to its acknowledgement. */
  readonly latencies = new Latencies()
  counts: Counts = noCounts()

  count(table: 'calls' | 'refused' | 'pings', row: string): void {
    this.counts[table][row] = (this.counts[table][row] ?? 0) + 1
  }

  /** Forgets counts and events; the ids go on. */
  reset(): void {
    this.counts = noCounts()
    this.latencies.clear()
    this.forgetEvents()
  }
}
