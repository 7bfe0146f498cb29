/** Bytes of a stream as lines for a listener and as a tail for the result. Pure. */
import { redact, type Secret } from '../secret.ts'

/** A line longer than this is handed on in pieces, so that a stream without newlines cannot fill the memory. */
const maxLineLength = 64 * 1024

export interface Output {
  push(chunk: Uint8Array): void
  /** Hands on a last line that has no newline. */
  end(): void
  text(): string
  readonly truncated: boolean
}

/** Keeps the last `maxBytes`; what it shows and hands on is without the given secrets. */
export function collectOutput(
  maxBytes: number,
  hide: readonly Secret[],
  onLine: ((line: string) => void) | undefined,
): Output {
  const chunks: Uint8Array[] = []
  let kept = 0
  let truncated = false
  const decoder = new TextDecoder()
  const longest = Math.max(0, ...hide.map((secret) => secret.reveal().length))
  let rest = ''

  function lines(text: string): void {
    if (!onLine) return
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) onLine(redact(part.endsWith('\r') ? part.slice(0, -1) : part, hide))
    while (rest.length > maxLineLength + longest) {
      // Whole secrets go first; one that is still arriving then lies behind the cut.
      rest = redact(rest, hide)
      onLine(rest.slice(0, maxLineLength))
      rest = rest.slice(maxLineLength)
    }
  }

  function keep(chunk: Uint8Array): void {
    chunks.push(chunk)
    kept += chunk.length
    if (kept > maxBytes) truncated = true
    // The first chunk is cut only when the text is asked for: copying at each push would be quadratic.
    while (chunks.length > 1 && kept - (chunks[0]?.length ?? 0) >= maxBytes)
      kept -= chunks.shift()?.length ?? 0
  }

  return {
    push(chunk) {
      keep(chunk)
      if (onLine) lines(decoder.decode(chunk, { stream: true }))
    },
    end() {
      if (!onLine) return
      lines(decoder.decode())
      if (rest !== '') onLine(redact(rest, hide))
      rest = ''
    },
    text() {
      const all = new Uint8Array(kept)
      let at = 0
      for (const chunk of chunks) {
        all.set(chunk, at)
        at += chunk.length
      }
      const tail = all.subarray(Math.max(0, kept - maxBytes))
      const text = new TextDecoder().decode(tail.subarray(truncated ? characterStart(tail) : 0))
      return redact(truncated ? withoutSecretEnd(text, hide) : text, hide)
    },
    get truncated() {
      return truncated
    },
  }
}

/** The first byte that begins a character: a cut may have gone through one. */
function characterStart(bytes: Uint8Array): number {
  let at = 0
  while (at < 3 && at < bytes.length && ((bytes[at] ?? 0) & 0xc0) === 0x80) at += 1
  return at
}

/** A cut through a secret leaves its end at the front, which `redact` would not recognise. */
export function withoutSecretEnd(text: string, hide: readonly Secret[]): string {
  for (const secret of hide) {
    const value = secret.reveal()
    for (let from = 1; from <= value.length - 4; from += 1) {
      if (text.startsWith(value.slice(from))) return text.slice(value.length - from)
    }
  }
  return text
}
