/**
 * What core needs of the world. In the bot these are undici, ssh2, node:net and the system clock
 * (core/src/node); in n8n they are n8n's own helpers. Core itself touches nothing outside.
 */
import type { Secret } from './secret.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute, with the query already in it. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds until the whole answer must be there. Default 30 000. */
  readonly timeoutMs?: number
  /** Bytes after which the answer is cut off with an error. Default 32 MiB. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/** Status is data, not an exception: only a request without an answer throws (`TransportError`). */
export interface HttpResponse {
  readonly status: number
  /** Proxmox puts the reason of a 401 and of many 500s here and nowhere else. */
  readonly statusText: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Http {
  /** @throws TransportError when no answer came: its `sent` says whether the server may have acted. */
  request(request: HttpRequest): Promise<HttpResponse>
}

export interface ExecOptions {
  /** Not secret; set by the launcher in the remote environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Reach the remote command by stdin through a fixed launcher: never argv, never a log. */
  readonly secrets?: Readonly<Record<string, Secret>>
  readonly stdin?: string | Uint8Array
  readonly signal?: AbortSignal
  /** Milliseconds. Default 60 000. */
  readonly timeoutMs?: number
  /** Bytes of stdout and of stderr kept, the last ones; default 1 MiB. `truncated` says when more came. */
  readonly maxOutputBytes?: number
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
}

export interface ExecResult {
  /** null when a signal ended the command. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly truncated: boolean
}

export interface Shell {
  /**
   * Runs one command without a pty. A non-zero exit code is data, not an exception.
   * @throws HomelabError `unreachable`, `timeout`, `cancelled`
   */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>
}

export interface Clock {
  now(): Date
  /** Milliseconds of a clock that never jumps, for durations. */
  monotonic(): number
  /** @throws the signal's reason when it is aborted */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** One request and its answer on a bare socket: PostgreSQL and Redis checks. Not offered by n8n. */
export interface Tcp {
  /** Connects, sends, and resolves with the first bytes that come back (empty when `send` is empty). */
  exchange(
    host: string,
    port: number,
    send: Uint8Array,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<Uint8Array>
}
