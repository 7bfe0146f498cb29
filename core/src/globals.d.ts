/**
 * The globals that pure code may use: exactly those that n8n's package scanner allows.
 * Anything else (process, timers, console, fetch) fails to compile in core.
 */
declare class AbortSignal {
  static abort(reason?: unknown): AbortSignal
  static any(signals: readonly AbortSignal[]): AbortSignal
  static timeout(ms: number): AbortSignal
  readonly aborted: boolean
  // biome-ignore lint/suspicious/noExplicitAny: as the platform's own types have it
  readonly reason: any
  throwIfAborted(): void
  // biome-ignore lint/suspicious/noExplicitAny: as the platform's own types have it
  addEventListener(type: 'abort', listener: (event: any) => void, options?: { once?: boolean }): void
  // biome-ignore lint/suspicious/noExplicitAny: as the platform's own types have it
  removeEventListener(type: 'abort', listener: (event: any) => void): void
}
declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean })
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string
}
declare class URLSearchParams {
  constructor(init?: string | Record<string, string> | readonly (readonly [string, string])[])
  append(name: string, value: string): void
  set(name: string, value: string): void
  get(name: string): string | null
  toString(): string
}
declare class URL {
  constructor(url: string, base?: string)
  static canParse(url: string, base?: string): boolean
  href: string
  readonly origin: string
  protocol: string
  host: string
  hostname: string
  port: string
  pathname: string
  search: string
  username: string
  password: string
  readonly searchParams: URLSearchParams
}
declare function structuredClone<T>(value: T): T
