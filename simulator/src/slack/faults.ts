/** What can be made to go wrong, by `POST /faults` on the control port. Everything is off at the start. */
export interface Faults {
  /** The next N envelopes are sent twice, with the same envelope id. */
  duplicateEnvelopes: number
  /** The next N events are sent again, acknowledged or not, in a new envelope with `retry_attempt` 1. */
  duplicateEvents: number
  /** What `apps.connections.open` is refused with: `internal_error`, `ratelimited`, `invalid_auth`, …; empty: it is not. */
  refuseConnections: string
  /** Sockets stay open, and nothing comes through: no pings, no pongs, no envelopes, no acknowledgements. */
  deaf: boolean
  /** Sockets answer pings, and no envelope is delivered. */
  deafEvents: boolean
  /** Milliseconds added to every call of the Web API. */
  slowMs: number
  /** The next N calls are answered with 500, undone. */
  answer500: number
  /** The next N calls are answered with 503, undone. */
  answer503: number
  /** Method → the next `times` calls of it are answered with 429 and this `Retry-After` in seconds. */
  rateLimited: Record<string, { readonly times: number; readonly retryAfter: number }>
  /** The next N messages or files are posted, and then the connection is cut without an answer. */
  cutAfterPost: number
  /** What every call is refused with: `token_revoked`, `account_inactive`, `invalid_auth`; empty: it is not. */
  token: string
  /** Every `chat.update` is refused with `edit_window_closed`. */
  editWindowClosed: boolean
  /** How the next requests over HTTP are signed: `good`, `wrong`, `old` (six minutes ago) or `missing`. */
  signature: string
  /** The next N requests over HTTP are sent once more, with the very same headers. */
  replay: number
  /** Method, or `*` for those not named → factor on its rate limit; 0 switches it off. */
  limits: Record<string, number>
}

export const noFaults = (limits: number): Faults => ({
  duplicateEnvelopes: 0,
  duplicateEvents: 0,
  refuseConnections: '',
  deaf: false,
  deafEvents: false,
  slowMs: 0,
  answer500: 0,
  answer503: 0,
  rateLimited: {},
  cutAfterPost: 0,
  token: '',
  editWindowClosed: false,
  signature: 'good',
  replay: 0,
  limits: { '*': limits },
})

/** Seconds to wait, when a 429 is wanted for this method. */
export function takeLimit(faults: Faults, method: string): number | undefined {
  const wanted = faults.rateLimited[method]
  if (!wanted || wanted.times <= 0) return undefined
  faults.rateLimited[method] = { ...wanted, times: wanted.times - 1 }
  return wanted.retryAfter
}
