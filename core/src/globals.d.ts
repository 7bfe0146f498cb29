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
/** Web Cryptography, as much of it as is used. */
declare const crypto: {
  getRandomValues<T extends Uint8Array>(into: T): T
  readonly subtle: {
    importKey(
      format: 'raw',
      key: Uint8Array,
      algorithm: 'PBKDF2' | { readonly name: 'HMAC'; readonly hash: 'SHA-256' },
      extractable: false,
      usages: readonly ('deriveBits' | 'sign')[],
    ): Promise<CryptoKey>
    deriveBits(
      algorithm: {
        readonly name: 'PBKDF2'
        readonly hash: 'SHA-256'
        readonly salt: Uint8Array
        readonly iterations: number
      },
      key: CryptoKey,
      bits: number,
    ): Promise<ArrayBuffer>
    sign(algorithm: 'HMAC', key: CryptoKey, data: Uint8Array): Promise<ArrayBuffer>
    digest(algorithm: 'SHA-256', data: Uint8Array): Promise<ArrayBuffer>
  }
}
declare interface CryptoKey {
  readonly type: string
}
