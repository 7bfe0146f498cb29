import type { Caller, Operation } from '@homelab/core'
import type { Command } from './types.ts'

/** What became of a command that was, or would have been, a change. */
export type Decision =
  | 'denied'
  | 'refused'
  | 'dry-run'
  | 'asked'
  | 'declined'
  | 'waiting' // for an approval
  | 'approved'
  | 'rejected'
  | 'expired'
  | 'started'
  | 'succeeded'
  | 'failed'
  | 'cancelled'

export interface AuditEntry {
  readonly caller: Pick<Caller, 'id' | 'name' | 'surface'>
  readonly command: string
  readonly operation: string
  readonly decision: Decision
  readonly plan?: string
  /** The channel it was asked in, `discord:1234`. */
  readonly channel?: string
  /** Who approved or rejected it, and how. */
  readonly approval?: string
  readonly run?: string
  /** Why it was refused, or how it ended. */
  readonly result?: string
}

export interface Audit {
  append(entry: AuditEntry): Promise<void>
}

export const entryOf = (
  command: Command,
  operation: Operation,
  decision: Decision,
  rest: Partial<AuditEntry> = {},
): AuditEntry => ({
  caller: { id: command.caller.id, name: command.caller.name, surface: command.caller.surface },
  command: command.text.slice(0, 4_000),
  ...(command.caller.channel === undefined ? {} : { channel: command.caller.channel }),
  operation: operation.id,
  decision,
  ...rest,
})
