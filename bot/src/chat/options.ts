import type {
  Caller,
  Clock,
  Operation,
  Registry,
  Rights,
  RunView,
  Services,
  Suggestion,
  SuggestKind,
  Touched,
} from '@homelab/core'
import type { Likeness } from '../rights/people.ts'
import type { ApprovalRule, ApprovalStore } from './approvals.ts'
import type { Audit } from './audit.ts'
import type { WritableBoard } from './board.ts'
import type { History } from './history.ts'
import type { Notify } from './notices.ts'
import type { Runner } from './types.ts'

/** What the desk works with; everything is made in the composition root. */
export interface DeskOptions {
  readonly registry: Registry
  readonly board: WritableBoard
  readonly runner: Runner
  /** The run that a card's command started, if it did: asked after a restart. */
  readonly runOf: (cardId: string) => Promise<RunView | undefined>
  /** What operations may use when this caller asks. */
  readonly services: (caller: Caller) => Partial<Services>
  readonly rights: Rights
  /** A caller of before as homelab.yaml has them now. */
  readonly today: (caller: Caller) => Caller
  readonly audit: Audit
  readonly history: History
  readonly clock: Clock
  /** Operation ids or chat paths that the file wants confirmed. */
  readonly mustConfirm: () => readonly string[]
  /** What the file wants approved. Absent where nothing stays to wait: in a terminal without a bot. */
  readonly approvals?: {
    readonly store: ApprovalStore
    readonly likeness: (a: Caller, b: Caller) => Likeness
    readonly rule: (operation: Operation, targets: readonly Touched[]) => ApprovalRule | undefined
  }
  /** Shows a card in the ops channels; the same id changes it in place. */
  readonly notify?: Notify
  /** Of the lab; default: the machine's. */
  readonly timezone?: () => string | undefined
  readonly suggest: (kind: SuggestKind, typed: string, limit: number) => readonly Suggestion[]
  /** Milliseconds that such a run usually takes. */
  readonly expectedMs?: (run: RunView) => number | undefined
  /** Called with what is a bug of ours. */
  readonly onBug: (error: unknown, command: string) => void
  /** Seconds that a question waits for its answer. Default 120. */
  readonly confirmSeconds?: number
}
