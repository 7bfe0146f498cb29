/** Brings an envelope to the app, over a socket or by request, and knows whether it was acknowledged in time. */
import { randomUUID } from 'node:crypto'
import { take } from '../../process/faults.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import type { Json } from '../json.ts'
import type { Requests } from './requests.ts'
import type { Sockets } from './sockets.ts'

export type EnvelopeType = 'slash_commands' | 'events_api' | 'interactive'

interface Parts {
  readonly faults: Faults
  readonly journal: Journal
  readonly sockets: Sockets
  readonly requests: Requests
  readonly ackMs: number
}

export interface Retry {
  readonly num: number
  readonly reason: string
}

export interface Outcome {
  readonly acked: boolean
  /** `dispatch_failed`: it could not be brought; `operation_timeout`: no acknowledgement; undefined: all is well. */
  readonly error: string | undefined
  /** Milliseconds until it was acknowledged or given up. */
  readonly ms: number
  readonly envelope: string
  /** What the app said with its acknowledgement. */
  readonly payload: unknown
  readonly noRetry: boolean
  readonly http: boolean
}

interface Pending {
  readonly resolve: (payload: unknown) => void
}

const LATE = Symbol('late')
/** Interactions whose acknowledgement may say what to do. */
const ANSWERED = ['view_submission', 'block_suggestion']

export class Delivery {
  readonly #parts: Parts
  readonly #pending = new Map<string, Pending>()

  constructor(parts: Parts) {
    this.#parts = parts
    parts.sockets.onAck = (envelope, payload) => {
      this.#pending.get(envelope)?.resolve(payload)
    }
  }

  async send(type: EnvelopeType, payload: Json, retry?: Retry): Promise<Outcome> {
    const { journal } = this.#parts
    const envelope = randomUUID()
    const began = performance.now()
    journal.counts.acks.sent += 1
    const http = this.#parts.requests.url !== undefined
    const result = await (http ? this.#byRequest : this.#bySocket).call(this, envelope, type, payload, retry)
    const ms = Math.round(performance.now() - began)
    if (result.error === undefined) {
      journal.counts.acks.acked += 1
      journal.latencies.add(ms)
      journal.add({ kind: 'acked', envelope, type, ms })
    } else {
      journal.counts.acks.failed += 1
      journal.add({ kind: 'unacked', envelope, type, reason: result.error })
    }
    return { ...result, acked: result.error === undefined, ms, envelope, http }
  }

  async #bySocket(
    envelope: string,
    type: EnvelopeType,
    payload: Json,
    retry: Retry | undefined,
  ): Promise<Pick<Outcome, 'error' | 'payload' | 'noRetry'>> {
    const { journal, sockets, faults, ackMs } = this.#parts
    const message: Json = {
      envelope_id: envelope,
      payload,
      type,
      accepts_response_payload: type === 'slash_commands' || ANSWERED.includes(String(payload.type)),
      ...(type === 'events_api' && { retry_attempt: retry?.num ?? 0, retry_reason: retry?.reason ?? '' }),
    }
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => resolve(LATE), ackMs)
    this.#pending.set(envelope, { resolve })
    try {
      const socket = sockets.send(message)
      journal.add({ kind: 'sent', envelope, type, attempt: retry?.num ?? 0, socket })
      if (socket === undefined) return { error: 'dispatch_failed', payload: undefined, noRetry: false }
      if (take(faults, 'duplicateEnvelopes')) {
        journal.add({
          kind: 'sent',
          envelope,
          type,
          attempt: retry?.num ?? 0,
          socket: sockets.send(message),
        })
      }
      const answer = await promise
      return answer === LATE
        ? { error: 'operation_timeout', payload: undefined, noRetry: false }
        : { error: undefined, payload: answer, noRetry: false }
    } finally {
      clearTimeout(timer)
      this.#pending.delete(envelope)
    }
  }

  async #byRequest(
    envelope: string,
    type: EnvelopeType,
    payload: Json,
    retry: Retry | undefined,
  ): Promise<Pick<Outcome, 'error' | 'payload' | 'noRetry'>> {
    const { journal, requests } = this.#parts
    journal.add({ kind: 'sent', envelope, type, attempt: retry?.num ?? 0, socket: undefined })
    const { status, timedOut, body, noRetry } = await requests.post(type, payload, retry)
    if (status === 200) return { error: undefined, payload: body, noRetry }
    return { error: timedOut ? 'operation_timeout' : 'dispatch_failed', payload: undefined, noRetry }
  }
}
