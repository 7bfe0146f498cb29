/** What can be made to go wrong, by `POST /faults` on the control port. Everything is off at the start. */
export interface Faults {
  /** The next N interactions are delivered twice, with the same id. */
  duplicate: number
  /** New gateway connections are cut at once. */
  refuseGateway: boolean
  /** Every REST connection is cut at once. */
  refuseRest: boolean
  /** Milliseconds added to every REST call. */
  restDelayMs: number
  /** The next N REST calls are answered with `errorStatus`, before anything is done. */
  restErrors: number
  errorStatus: number
  /** The next N REST calls are answered with 429 and this `retry_after`. */
  limited: number
  retryAfter: number
  limitedScope: 'user' | 'global' | 'shared'
  /** The next N messages are created, and then the connection is cut without an answer. */
  dropCreates: number
  /** The next N answers to interactions are taken, and then the connection is cut without an answer. */
  dropCallbacks: number
  /** REST connections are cut by a reset (ECONNRESET), which discord.js answers by sending again; false: closed. */
  cutByReset: boolean
  /** The token was reset: REST answers 401, the gateway closes with 4004. */
  tokenRevoked: boolean
  /** Milliseconds that Discord's clock is ahead of the host's: ids and the header Date tell it. */
  clockAheadMs: number
  /** Without the scope `applications.commands`: the guild's commands are 50001. */
  noCommandScope: boolean
  /** The bot is told that it may not have the intents that it asks for: 4014. */
  intentsRefused: boolean
  /** Privileged intents that are switched on in the portal: `GuildMembers`, `GuildPresences`, `MessageContent`. */
  privileged: string[]
  /** IDENTIFYs left today; the next one without any resets the token. */
  identifiesLeft: number
  /** Command creates left today in each scope. */
  createsLeft: number
  /** 401, 403 and 429 answers of the last 10 min; 10,000 of them are a ban. */
  invalidRequests: number
}

export const IDENTIFIES = 1_000
export const CREATES = 200

export function noFaults(): Faults {
  return {
    duplicate: 0,
    refuseGateway: false,
    refuseRest: false,
    restDelayMs: 0,
    restErrors: 0,
    errorStatus: 500,
    limited: 0,
    retryAfter: 1,
    limitedScope: 'user',
    dropCreates: 0,
    dropCallbacks: 0,
    cutByReset: true,
    tokenRevoked: false,
    clockAheadMs: 0,
    noCommandScope: false,
    intentsRefused: false,
    privileged: [],
    identifiesLeft: IDENTIFIES,
    createsLeft: CREATES,
    invalidRequests: 0,
  }
}
