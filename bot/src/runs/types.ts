/** Durable runs: work that goes on after `kill -9`, repeats no finished step and no change that was made. */
import type { Caller, Clock, Json, RunHistory, RunView, Verbs } from '@homelab/core'

export interface RunRequest {
  readonly operation: string
  readonly title: string
  readonly input: Json
  readonly caller: Caller
  /** The same key twice is the same run, for as long as the run is kept: the message's own id. */
  readonly key: string
  /** Resources of which one run at a time may hold each: `guest/110`. Taken all at once, first come first served. */
  readonly locks: readonly string[]
  /** Where the run's card lives, for the surface that made it. */
  readonly origin?: Json
  /** Milliseconds from acceptance, waiting for locks included. */
  readonly deadlineMs?: number
}

export interface Runs extends RunHistory {
  /** @throws HomelabError `conflict` when the key was used with another operation or input, `failed` when the disk is full */
  start(request: RunRequest): Promise<{ readonly run: RunView; readonly existing: boolean }>
  /**
   * Calls back soon with the current state, then at every change of state and, at most every 200 ms, of progress.
   * The final state always comes. Returns the way to stop it.
   */
  watch(id: string, listener: RunListener): () => void
  /** As `watch`, for every run and from now on only. */
  onAny(listener: RunListener): () => void
  /** The run that this key started. */
  byKey(key: string): Promise<RunView | undefined>
  origin(id: string): Promise<Json | undefined>
  /** In the order of their acceptance. */
  active(): Promise<readonly RunView[]>
  /** Resolves with the final state. @throws HomelabError `not-found`, or `failed` when the bot shuts down first */
  finished(id: string): Promise<RunView>
  /** Leaves unfinished runs to be resumed by the next start. */
  close(): Promise<void>
}

export type RunListener = (run: RunView) => void

export interface ExecuteRequest {
  readonly operation: string
  readonly input: Json
  readonly caller: Caller
}

/** Finds the operation and calls its `run`. Called again after a crash: everything it does goes through the verbs. */
export type Execute = (request: ExecuteRequest, verbs: Verbs) => Promise<Json>

/** What runs say to the program's log; pino fits. */
export interface RunsLog {
  warn(facts: object, text: string): void
  error(facts: object, text: string): void
}

/** All in milliseconds. */
export interface Timing {
  /** After a crash: how long a change that did reach the peer may take to show. */
  readonly settleMs: number
  /** The same after an unclear answer: the peer may still be at it. */
  readonly unclearMs: number
  /** After a crash: how long to go on asking a peer that does not answer whether a change was made. */
  readonly patienceMs: number
  /** How long work that was told to stop may take to do so before it is left behind. */
  readonly graceMs: number
  /** How long one undo may take. */
  readonly undoMs: number
  /** A process that lived so long is not in a crash loop. */
  readonly stableMs: number
}

export const defaultTiming: Timing = {
  settleMs: 3_000,
  unclearMs: 10_000,
  patienceMs: 600_000,
  graceMs: 5_000,
  undoMs: 600_000,
  stableMs: 60_000,
}

/** The moments at which a crash is interesting. Fault tests end the process at each of them. */
export type Point =
  | 'accepted'
  | 'started'
  | 'step.before'
  | 'step.saved'
  | 'intent.before'
  | 'intent.saved'
  | 'act.after'
  | 'change.saved'
  | 'failing.saved'
  | 'undo.before'
  | 'undo.after'
  | 'undo.saved'
  | 'finish.before'
  | 'finish.saved'

export type Probe = (point: Point, run: string, name: string) => void

export interface RunsOptions {
  /** The state file. Its directory exists. One process at a time. */
  readonly file: string
  readonly execute: Execute
  readonly clock: Clock
  readonly log?: RunsLog
  /** Runs at work at the same time. Default 32. */
  readonly concurrency?: number
  /** Milliseconds that a finished run is kept. Default 30 days. */
  readonly retentionMs?: number
  readonly timing?: Partial<Timing>
  /** A run in whose step the process ended unasked so often is given up. Default 20. */
  readonly maxDeaths?: number
  readonly probe?: Probe
}
