/** Questions that wait for the asker's own yes. In memory: after a restart of the bot the answer would be for a state of before. */
import { createHash, randomUUID } from 'node:crypto'
import { type Caller, type Clock, HomelabError, type Operation, type Plan } from '@homelab/core'
import type { Command } from './types.ts'

/** A change on its way, with what has been agreed to so far. */
export interface Proposal {
  readonly command: Command
  readonly operation: Operation
  readonly input: Record<string, unknown>
  readonly plan: Plan
  /** `lockout`: the plan was agreed to, and that it takes down what the bot needs. */
  readonly agreed: 'nothing' | 'plan' | 'lockout'
}

export interface Confirmations {
  /** Returns the question's id. `onExpired` is called when nobody answered in time. */
  open(proposal: Proposal, onExpired: () => void): string
  /**
   * Nobody can answer it again. Undefined when this caller has just answered it: a double tap is nothing to be told of.
   * @throws HomelabError `conflict` when it expired or somebody else answered, `denied` when it was not asked of this caller
   */
  take(id: string, caller: Caller): Proposal | undefined
}

/** What an approval is for. Two plans with the same hash would do the same to the same state. */
export const planHash = (plan: Plan): string =>
  createHash('sha256')
    .update(JSON.stringify([plan.steps, plan.locks, plan.state]))
    .digest('hex')

/** Answered questions whose second tap is known for one. */
const ANSWERED_KEPT = 200

export function createConfirmations(clock: Clock, expiresMs: number): Confirmations {
  const open = new Map<string, { proposal: Proposal; answered: AbortController }>()
  /** Who answered which, of the latest: a timer for each would keep a terminal from ending. */
  const answeredBy = new Map<string, string>()

  const check = (id: string, caller: Caller): Proposal => {
    const entry = open.get(id)
    if (entry === undefined) {
      throw new HomelabError('conflict', 'That question was answered already, or it has expired.', {
        hint: 'Type the command again.',
      })
    }
    const { caller: asked } = entry.proposal.command
    if (asked.id !== caller.id) {
      throw new HomelabError('denied', `Only ${asked.name} can answer this.`, {
        hint: 'Type the command yourself.',
      })
    }
    return entry.proposal
  }

  return {
    open(proposal, onExpired) {
      const id = randomUUID()
      const answered = new AbortController()
      open.set(id, { proposal, answered })
      clock.sleep(expiresMs, answered.signal).then(
        () => {
          if (open.delete(id)) onExpired()
        },
        // Answered in time.
        () => undefined,
      )
      return id
    },
    take(id, caller) {
      if (answeredBy.get(id) === caller.id) return undefined
      const proposal = check(id, caller)
      open.get(id)?.answered.abort()
      open.delete(id)
      answeredBy.set(id, caller.id)
      const [oldest] = answeredBy.keys()
      if (answeredBy.size > ANSWERED_KEPT && oldest !== undefined) answeredBy.delete(oldest)
      return proposal
    },
  }
}
