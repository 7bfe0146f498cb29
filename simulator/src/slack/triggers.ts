import { randomBytes } from 'node:crypto'
import { Refusal } from './refusal.ts'
import type { Workspace } from './workspace.ts'

/** Milliseconds in which a trigger can be exchanged for a modal, once. */
const LIFE_MS = 3000
const KEPT = 5000

interface Trigger {
  readonly user: string
  readonly issuedAt: number
  used: boolean
}

export class Triggers {
  readonly #workspace: Workspace
  readonly #triggers = new Map<string, Trigger>()

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  issue(user: string): string {
    const id = `${this.#triggers.size + 1}.${Date.now()}.${randomBytes(16).toString('hex')}`
    this.#triggers.set(id, { user, issuedAt: this.#workspace.now(), used: false })
    if (this.#triggers.size > KEPT) {
      const [oldest] = this.#triggers.keys()
      if (oldest !== undefined) this.#triggers.delete(oldest)
    }
    return id
  }

  /**
   * The user whose click or command this was.
   * @throws Refusal when it is unknown, used or too old
   */
  exchange(id: string): string {
    const trigger = this.#triggers.get(id)
    if (!trigger) throw new Refusal('invalid_trigger_id')
    if (trigger.used) throw new Refusal('exchanged_trigger_id')
    if (this.#workspace.now() - trigger.issuedAt > LIFE_MS) throw new Refusal('expired_trigger_id')
    trigger.used = true
    return trigger.user
  }

  clear(): void {
    this.#triggers.clear()
  }
}
