import type { Json } from '../check/form.ts'
import type { Upload } from '../files.ts'
import type { Limit } from '../limits.ts'
import type { Peer } from '../peer.ts'

export interface Call {
  readonly peer: Peer
  readonly query: URLSearchParams
  /** The body as an object; empty when there was none. */
  readonly body: Json
  /** The body as it came, for those that take a list. */
  readonly raw: unknown
  readonly files: readonly Upload[]
  /** A parameter of the path. */
  param(name: string): string
}

export interface Answer {
  readonly status: number
  /** Undefined: none, as in a 204. */
  readonly body?: unknown
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/channels/:channel/messages/:message` */
  readonly path: string
  /** False: the token in the path is enough. */
  readonly bot?: false
  /** Default: 50 calls in a second. */
  readonly limit?: Limit
  /** Made, and then the connection is cut, as often as this fault says. */
  readonly drop?: 'dropCreates' | 'dropCallbacks'
  handle(call: Call): Answer
}

export const ok = (body: unknown): Answer => ({ status: 200, body })
export const nothing: Answer = { status: 204 }
