/** The model of an operation: what every surface (chat, console, CLI, API, n8n) is generated from. */
import type { z } from 'zod'
import type { Card } from './card.ts'
import type { Services } from './services.ts'

export type Risk = 'read' | 'change' | 'destructive'

/** Each role may do all that the ones before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof roles)[number]
/** A caller's role; `nobody` is whoever homelab.yaml does not name. */
export type Standing = Role | 'nobody'

/** `chat` is Discord, Slack and the console; `api` is a running bot's HTTP API. */
export const surfaces = ['chat', 'cli', 'api', 'n8n'] as const
export type Surface = (typeof surfaces)[number]

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export interface Progress {
  readonly text: string
  readonly done?: number
  readonly total?: number
  readonly unit?: 'bytes' | 'items' | 'percent'
}

/** What a change will do, found out before anything is done. */
export interface Plan {
  /** One sentence: `Restart plex (CT 110 on pve)`. */
  readonly summary: string
  /** What will happen, in order. */
  readonly steps: readonly string[]
  /** What depends on the target and will notice. */
  readonly affects: readonly { readonly name: string; readonly why: string }[]
  readonly warnings: readonly string[]
  /** Resources of which only one change runs at a time: `guest/110`; those of `shared` only keep out who wants it alone. */
  readonly locks: readonly string[]
  /** Ask for a confirmation though the operation's risk alone would not. */
  readonly confirm?: boolean
  /** The facts that an approval is given for: it is refused when these have changed. */
  readonly state: Json
  /** What of ours it would take down with it, one reason each: asked for once more after the confirmation. */
  readonly lockout?: readonly string[]
}

export interface ChangeSpec<T extends Json> {
  /** Sends the change. Called at most once for each time the look-up surely found nothing. */
  act(): Promise<T>
  /**
   * Looks whether the change was made, after a crash or an unclear answer.
   * `since` is our clock when the intent was saved; `claimed` tells results that other changes own.
   * Resolves with undefined only when the peer surely never got it.
   */
  find(look: { readonly since: Date; readonly claimed: (result: T) => boolean }): Promise<T | undefined>
}

/**
 * What an operation's `run` is written with. Names are unique within a run and stable between versions:
 * they are how a run finds its place again after a crash.
 */
export interface Verbs {
  /** Aborted on cancel and at the deadline. */
  readonly signal: AbortSignal
  /** May run again after a crash: reads and idempotent work only. Its result is kept. */
  step<T extends Json>(name: string, work: () => Promise<T>): Promise<T>
  /** At most once, see ChangeSpec. Its result is kept. */
  change<T extends Json>(name: string, spec: ChangeSpec<T>): Promise<T>
  /** Watches something that goes on without us, however long; a crash re-attaches by calling it again. */
  follow<T extends Json>(name: string, watch: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Registered before its change; called, last first, when the run fails or is cancelled. */
  undo(name: string, revert: () => Promise<void>): void
  report(progress: Progress): void
  /** One line for the run's log. */
  log(line: string): void
}

export type Need = keyof Services
/** What an operation with these needs is given. */
export type Needed<N extends readonly Need[]> = Pick<Services, N[number]>
/** With what it can do without. */
export type Given<N extends readonly Need[], W extends readonly Need[]> = Needed<N> &
  Partial<Pick<Services, W[number]>>

export interface OperationSpec<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodType = z.ZodType,
  N extends readonly Need[] = readonly Need[],
  W extends readonly Need[] = readonly Need[],
> {
  /** `noun.verb`; never changes once released. */
  readonly id: `${string}.${string}`
  /** What a person types: one or two words, `restart`, `guest list`. */
  readonly chat: string
  readonly title: string
  /** One or two sentences for the help and the reference page. */
  readonly description: string
  readonly risk: Risk
  /** The lowest role that may use it; `everyone`: also who is not in the file, in a channel where nothing else works. */
  readonly permission: Role | 'everyone'
  /** Its answer is for the asker alone, where a platform can do that. */
  readonly private?: boolean
  readonly input: I
  readonly output: O
  /** Input fields that need no name in a command, in order; the last may be a list. */
  readonly positional?: readonly (keyof z.infer<I> & string)[]
  readonly examples?: readonly string[]
  readonly needs: N
  /** What it uses where the surface has it, and does without elsewhere. */
  readonly wants?: W
  /** Milliseconds after which a run of it is ended; default: an hour. Only for what may take days. */
  readonly deadlineMs?: number
  /** It changes our own queue and not the lab: it runs at once, past locks and runs. */
  readonly immediate?: boolean
  /** Default: every surface that has the needs. */
  readonly surfaces?: readonly Surface[]
  /** Not for every day: it leaves its place in Discord's small tree to others, and `/homelab do` takes it. */
  readonly rare?: boolean
  /** Required for changes. Only reads. */
  plan?(input: z.infer<I>, services: Given<N, W>, context: { readonly signal: AbortSignal }): Promise<Plan>
  run(input: z.infer<I>, services: Given<N, W>, verbs: Verbs): Promise<z.input<O>>
  /** Of a check: whether it found what it looked for to be wrong. A script is told by the exit code. */
  failed?(output: z.infer<O>): boolean
  /** How a person sees the result; n8n and --json get the output itself. */
  card(output: z.infer<O>, input: z.infer<I>): Card
}

/** An operation with its types forgotten, as registries and surfaces hold it. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where a heterogeneous list needs it
export type Operation = OperationSpec<any, any, any, any>
