const hidden = new WeakMap<Secret, string>()

/**
 * A value that never prints: not by `String`, template, JSON, `util.inspect` or spread.
 * Only `reveal` gives it away, so that its few uses can be searched for.
 */
export class Secret {
  constructor(value: string) {
    hidden.set(this, value)
  }

  reveal(): string {
    return hidden.get(this) ?? ''
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  /** What Node prints for an object; its symbol is registered, so core needs no Node types for it. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}

/** Takes every given secret out of a text that goes to a log, a card or an error. */
export function redact(text: string, secrets: Iterable<Secret>): string {
  let clean = text
  for (const secret of secrets) {
    const value = secret.reveal()
    // Shorter values would blacken ordinary words without hiding anything.
    if (value.length >= 4) clean = clean.replaceAll(value, '[secret]')
  }
  return clean
}
