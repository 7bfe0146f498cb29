/** What a caller can do about a failure, in one word. Every surface maps these, none parses messages. */
export type ErrorCode =
  | 'usage' // the command or a parameter is wrong
  | 'config' // homelab.yaml or a setting is wrong
  | 'not-found'
  | 'ambiguous'
  | 'denied' // our own rights
  | 'unauthorised' // the peer's rights or a bad token
  | 'untrusted' // a certificate or host key is not the pinned one
  | 'locked'
  | 'conflict' // the state is not what the change needs
  | 'unreachable'
  | 'timeout'
  | 'unclear' // a change was sent and its answer lost: it may have happened
  | 'cancelled'
  | 'failed' // the peer tried and failed
  | 'bug'

export interface ErrorFacts {
  /** The next step for the person, as a sentence or a command. */
  readonly hint?: string
  /** Facts for the log and for n8n: plain JSON, never a secret. */
  readonly data?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** An error that a person is meant to read. Anything else that is thrown is a bug of ours. */
export class HomelabError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly data: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'HomelabError'
    this.code = code
    this.hint = facts.hint
    this.data = facts.data
  }
}

/** No answer came. `sent` is false only when the request surely never left (name, connect, TLS). */
export class TransportError extends HomelabError {
  readonly sent: boolean

  constructor(message: string, sent: boolean, facts: ErrorFacts & { code?: ErrorCode } = {}) {
    super(facts.code ?? 'unreachable', message, facts)
    this.name = 'TransportError'
    this.sent = sent
  }
}

export const isHomelabError = (error: unknown): error is HomelabError => error instanceof HomelabError

/** The stored form of any thrown value; unknown ones become `bug` with their message kept. */
export function errorData(error: unknown): ErrorData {
  if (isHomelabError(error)) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.data === undefined ? {} : { data: error.data }),
    }
  }
  return { code: 'bug', message: error instanceof Error ? error.message : String(error) }
}

export const fromErrorData = (data: ErrorData): HomelabError =>
  new HomelabError(data.code, data.message, {
    ...(data.hint === undefined ? {} : { hint: data.hint }),
    ...(data.data === undefined ? {} : { data: data.data }),
  })
