/** What is between those who tell of alerts and the incidents that come of it. */
import type { Alert } from '@homelab/core/alerts'

export interface Received {
  readonly seq: number
  /** When it came, ISO 8601. */
  readonly at: string
  readonly alerts: readonly Alert[]
}

/** What was told and is not worked in yet. In the store: whoever was answered 200 need not tell it again. */
export interface Inbox {
  /** Resolves when it is kept; several at once are kept in one commit. @throws when they cannot be */
  add(alerts: readonly Alert[]): Promise<void>
  /** The oldest first. */
  next(limit: number): Promise<readonly Received[]>
  /** Called after each commit. Returns how to stop. */
  onAdded(listener: () => void): () => void
}
