/** What the test and the bot it kills say to each other. */
import type { RunView } from '@homelab/core'

export interface BotConfig {
  readonly file: string
  readonly peer: string
  /** Where the bot ends itself with SIGKILL, and at which time it comes there. */
  readonly failpoint?: string
  readonly nth?: number
  readonly maxDeaths?: number
}

export type ToBot =
  | {
      readonly do: 'start'
      readonly key: string
      readonly guest: string
      readonly operation: string
      readonly deadlineMs?: number
    }
  | { readonly do: 'cancel'; readonly id: string }
  | { readonly do: 'list' }

export type FromBot =
  | { readonly said: 'ready' }
  | { readonly said: 'refused'; readonly message: string; readonly code: string }
  | { readonly said: 'accepted'; readonly key: string; readonly run: RunView }
  | { readonly said: 'run'; readonly run: RunView }
  | { readonly said: 'list'; readonly runs: readonly RunView[] }
  /** Something that the operation does, as it does it. */
  | { readonly said: 'doing'; readonly what: string; readonly at: number }
