/** What is begun by the clock: backups first, whatever else has a time of its own later. */
import type {
  Caller,
  Clock,
  Operation,
  Plan,
  Registry,
  Rights,
  RunView,
  Schedules,
  Services,
  Touched,
} from '@homelab/core'
import type { Audit } from '../chat/audit.ts'
import type { FactStore } from '../chat/connector.ts'
import type { Notify } from '../chat/notices.ts'
import type { Tell } from '../incidents/tell.ts'
import type { Runs } from '../runs/index.ts'
import type { Rhythm } from './occurrences.ts'

export interface ScheduledJob {
  /** `backup/postgresql`: never changes, what is kept goes by it. */
  readonly id: string
  readonly title: string
  /** Five fields, or hourly, daily, weekly, monthly. */
  readonly cron: string
  readonly timezone: string
  /** Begins up to so many milliseconds later, always the same for one occurrence. */
  readonly jitterMs?: number
  /** What is done about the newest occurrence that was missed. */
  readonly catchUp: 'once' | 'skip'
  readonly command: { readonly operation: string; readonly input: Readonly<Record<string, unknown>> }
  /** Its input is told as `due` which occurrence it is, so that bots that know nothing of each other do it once. */
  readonly once?: true
  /**
   * Its result is told, also when all is well: in the ops channels, or in this channel of the file. Others are silent then.
   * `unlessOk`: not when its card has the tone `ok`.
   */
  readonly tells?: { readonly channel?: string; readonly unlessOk?: boolean }
  /** Its result is told, too, when it went well and its card is a `warning`. */
  readonly tellsDoubts?: true
  /** A lock of its runs besides those of the plan. */
  readonly exclusive?: string
  /** One card for all that goes wrong, however often: it is changed, until it goes well or the job is no more. */
  readonly oneCard?: true
}

/** A job that this version can do. */
export interface KnownJob {
  readonly job: ScheduledJob
  readonly operation: Operation
  /** Absent when its time makes no sense: `problem` says why. */
  readonly rhythm?: Rhythm
  readonly problem?: string
}

/** What the scheduler says to the program's log; pino fits. */
export interface SchedulerLog {
  warn(facts: object, text: string): void
  error(facts: object, text: string): void
}

export interface SchedulerOptions {
  /** Asked before each look, so that a change of homelab.yaml counts at once. */
  readonly jobs: () => readonly ScheduledJob[]
  readonly registry: Registry
  readonly runs: Pick<Runs, 'start' | 'watch' | 'byKey' | 'get'>
  readonly facts: FactStore
  readonly audit: Audit
  readonly services: (caller: Caller) => Partial<Services>
  readonly rights: Rights
  /** Whether the file wants such a change approved. */
  readonly approval: (operation: Operation, targets: readonly Touched[]) => unknown
  /** Operation ids or chat paths that the file wants confirmed. */
  readonly mustConfirm: () => readonly string[]
  /** Of what is no problem: reports, and what came late. */
  readonly notify: Notify
  readonly tell: Tell
  readonly clock: Clock
  readonly log: SchedulerLog
}

export interface Scheduler extends Schedules {
  /** Takes up the runs that were begun before, and begins to look at the clock. */
  start(): void
  /** One look at the clock now; resolves when what is due has begun. Never rejects. */
  look(): Promise<void>
  /** Resolves when nothing is begun any more; runs go on. */
  stop(): Promise<void>
}

/** What is to be known of a job to begin it. */
export type BegunJob = Pick<ScheduledJob, 'id' | 'title' | 'command' | 'exclusive'>

/** One time that a job is begun, by the clock or by a person. */
export interface Beginning {
  readonly job: ScheduledJob
  readonly operation: Operation
  readonly caller: Caller
  /** The run's. */
  readonly key: string
  /** For the audit log. */
  readonly command: string
  /** `6 h late: the bot was not there` */
  readonly late?: string
  /** Somebody agreed to the plan: a question that it asks is answered. */
  readonly attended: boolean
}

export interface Beginner {
  /** What a beginning now would do. @throws HomelabError `denied`, and as the operation's plan does */
  plan(job: KnownJob, caller: Caller, signal: AbortSignal): Promise<Plan>
  /** @throws HomelabError as `plan`; nothing has begun then */
  begin(
    beginning: Omit<Beginning, 'job'> & { readonly job: BegunJob },
  ): Promise<{ readonly run: RunView; readonly existing: boolean }>
}
