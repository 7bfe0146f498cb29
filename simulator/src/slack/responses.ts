import { randomBytes } from 'node:crypto'
import type { Workspace } from './workspace.ts'

const USES = 5
const LIFE_MS = 30 * 60_000
const KEPT = 5000

/** What a response_url belongs to: a place, a person, and the message that was clicked, if it was one. */
export interface Respondable {
  readonly channel: string
  readonly user: string
  readonly messageTs: string | undefined
}

interface Kept extends Respondable {
  readonly issuedAt: number
  uses: number
}

export class Responses {
  readonly #workspace: Workspace
  readonly #kept = new Map<string, Kept>()

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  /** The path of a new response_url. */
  issue(kind: 'commands' | 'actions', target: Respondable): string {
    const path = `/${kind}/${this.#workspace.team}/${Date.now()}/${randomBytes(12).toString('hex')}`
    this.#kept.set(path, { ...target, issuedAt: this.#workspace.now(), uses: 0 })
    if (this.#kept.size > KEPT) {
      const [oldest] = this.#kept.keys()
      if (oldest !== undefined) this.#kept.delete(oldest)
    }
    return path
  }

  /** Uses it once, or says why not: `no_such_url`, `used_url`, `expired_url`. */
  use(path: string): Respondable | string {
    const kept = this.#kept.get(path)
    if (!kept) return 'no_such_url'
    if (this.#workspace.now() - kept.issuedAt > LIFE_MS) return 'expired_url'
    if (kept.uses >= USES) return 'used_url'
    kept.uses += 1
    return kept
  }

  clear(): void {
    this.#kept.clear()
  }
}
