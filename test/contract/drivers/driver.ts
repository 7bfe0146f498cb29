/** What the suite asks of every adapter: what a person gets to see of a card, and what the platform would refuse. */
import type { ButtonAction } from '@homelab/core'
import type { Posted } from '../../../bot/src/chat/types.ts'

export interface Shown {
  /** Limits and rules of the platform that are broken, in words; the platform would refuse the message. */
  readonly violations: readonly string[]
  /** What can be read, with all markup done as the platform's client does it. Without labels. */
  readonly text: string
  /** Buttons and choices that can be pressed, and what comes of it. */
  readonly buttons: readonly {
    readonly label: string
    readonly hint?: string
    readonly action?: ButtonAction
  }[]
  readonly files: readonly { readonly name: string; readonly text: string }[]
  /** Who would be notified. */
  readonly pings: readonly string[]
  /** Every piece of text as it is sent. */
  readonly pieces: readonly string[]
}

export interface Driver {
  readonly name: string
  render(posted: Posted, now: Date): Shown
}

/** Collects violations. */
export function checks() {
  const violations: string[] = []
  return {
    violations,
    most(what: string, value: number, limit: number) {
      if (value > limit) violations.push(`${what}: ${value} of at most ${limit}`)
    },
    rule(what: string, kept: boolean) {
      if (!kept) violations.push(what)
    },
    /** A text that must say something. */
    text(what: string, text: unknown, limit: number) {
      if (typeof text !== 'string') violations.push(`${what}: not a text`)
      else if (text.length > limit) violations.push(`${what}: ${text.length} of at most ${limit} characters`)
      else if (text.trim() === '') violations.push(`${what}: empty`)
    },
    unique(what: string, values: readonly unknown[]) {
      if (new Set(values).size !== values.length) violations.push(`${what}: the same twice`)
    },
  }
}

export type Checks = ReturnType<typeof checks>
