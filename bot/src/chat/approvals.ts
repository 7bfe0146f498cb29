import type { Json, Plan } from '@homelab/core'
import type { Command } from './types.ts'

/** A change that waits, whole: after a restart it goes on from nothing else. */
export interface PendingApproval {
  readonly id: string
  readonly command: Command
  readonly operation: string
  readonly input: Json
  /** As it was confirmed: another state than this refuses the approval. */
  readonly plan: Plan
  readonly by: readonly ApprovalWay[]
  readonly at: string
  readonly expiresAt: string
  readonly beginsAt?: string
}

/**
 * `second-person`: anybody else who may do it; `other-platform`: the same person, by their id on another platform;
 * `delay`: nobody, but there is a while in which it can be called off.
 */
export type ApprovalWay = 'second-person' | 'other-platform' | 'delay'

export interface ApprovalStore {
  save(pending: PendingApproval): Promise<void>
  remove(id: string): Promise<void>
  /** The oldest first. */
  load(): Promise<readonly PendingApproval[]>
}
