/** A platform-neutral answer. Adapters translate it and enforce their platform's limits; text is plain, never markup. */
import type { Progress } from './types.ts'

export type Tone = 'neutral' | 'busy' | 'ok' | 'warning' | 'error'

export type Section =
  | { readonly kind: 'text'; readonly title?: string; readonly text: string }
  | { readonly kind: 'list'; readonly title?: string; readonly items: readonly string[] }
  | {
      readonly kind: 'fields'
      readonly title?: string
      readonly fields: readonly { readonly name: string; readonly value: string }[]
    }
  | {
      readonly kind: 'table'
      readonly title?: string
      readonly columns: readonly { readonly name: string; readonly align?: 'right' }[]
      readonly rows: readonly (readonly Cell[])[]
    }
  /** Shown in a fixed-width font, the last lines first to survive a cut. */
  | { readonly kind: 'code'; readonly title?: string; readonly text: string; readonly keep?: 'start' | 'end' }

export type Cell = string | { readonly text: string; readonly tone: Tone }

export type ButtonAction =
  /** What pressing it types. */
  | { readonly kind: 'command'; readonly text: string }
  /** Opens the form of an operation, filled in as far as this half-typed command goes. */
  | { readonly kind: 'form'; readonly text: string }
  /** The answer of the person who was asked. */
  | { readonly kind: 'confirm' | 'decline'; readonly id: string }
  /** Opens an http or https address; nothing of ours hears of it. */
  | { readonly kind: 'link'; readonly url: string }
  /** The answer of whoever may approve. */
  | { readonly kind: 'approve' | 'reject'; readonly id: string }

export interface Button {
  readonly label: string
  readonly style?: 'primary' | 'danger'
  readonly action: ButtonAction
}

/** One of many, for a select menu; where there is none, buttons. */
export interface Choices {
  /** `Which one?` */
  readonly prompt: string
  readonly options: readonly {
    readonly label: string
    readonly hint?: string
    readonly action: ButtonAction
  }[]
}

export interface CardProgress extends Progress {
  /** When the work began, ISO 8601. */
  readonly startedAt?: string
  /** The moment that it describes, ISO 8601: what has not come further has still gone on. */
  readonly at?: string
  /** How long it usually takes, from the runs before it. */
  readonly expectedMs?: number
}

export interface Card {
  readonly title: string
  readonly tone: Tone
  readonly text?: string
  readonly sections?: readonly Section[]
  readonly progress?: CardProgress
  readonly buttons?: readonly Button[]
  readonly choices?: Choices
  readonly picture?: { readonly alt: string; readonly svg: string }
  readonly attachments?: readonly { readonly name: string; readonly type: string; readonly text: string }[]
  /** Who is pinged when it is posted: immutable ids, `discord:1234`, `slack:U1`. */
  readonly mention?: readonly string[]
  /** Small print: run id, duration. */
  readonly footer?: string
}
