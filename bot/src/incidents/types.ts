/** What the incidents of a bot are to the rest of it. */
import type { Card, Incidents } from '@homelab/core'
import type { About, Alert, Incident, Severity } from '@homelab/core/alerts'

/** What the bot found wrong by itself. */
export interface Finding {
  /** The same for as long as it is the same problem: `guest/110`, `backup/photos`, `drift`. */
  readonly key: string
  readonly state: 'firing' | 'resolved'
  readonly severity: Severity
  /** `down` where something does not run or does not answer: with other sources that say so it is one incident. */
  readonly kind: string
  readonly title: string
  readonly text?: string
  readonly about: About
  /** ISO 8601; default: now. */
  readonly since?: string
  /** Instead of one that is made of the above; buttons to acknowledge and to silence it are added. */
  readonly card?: Card
  /** It says nothing when it is over: it is over when somebody has acknowledged it, or after a day. */
  readonly once?: true
}

export interface IncidentDesk extends Incidents {
  /** Never throws; what cannot be kept is in the log. */
  report(finding: Finding): void
  /** Alerts of this source that fire, as they were told last. */
  firing(source: string): readonly Alert[]
  /** Open ones, and those that were open in this span (milliseconds since the epoch). From memory. */
  during(span: { readonly from: number; readonly to: number }): readonly Incident[]
  /** Called with each incident that has changed. Returns how to stop. */
  onChange(listener: (incident: Incident) => void): () => void
}
