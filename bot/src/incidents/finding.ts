/** What the bot found, in the words of an alert: so it goes the same way as what others tell. */
import type { About, Alert } from '@homelab/core/alerts'
import type { Finding } from './types.ts'

export function alertOf(finding: Finding, now: Date): Alert {
  const { key, state, severity, kind, title, text, about, since, card, once } = finding
  const startsAt = since !== undefined && Date.parse(since) <= now.getTime() ? since : now.toISOString()
  return {
    source: 'homelab',
    fingerprint: key,
    status: state,
    name: kind,
    severity,
    title,
    ...(text === undefined ? {} : { text }),
    labels: { kind, ...labelsOf(about) },
    startsAt,
    // What happens once has a time of its own; a look only knows that it is so.
    ...(once === true ? { once } : { vague: true as const }),
    ...(state === 'resolved' ? { endsAt: now.toISOString() } : {}),
    ...(card === undefined ? {} : { card }),
  }
}

const labelsOf = (about: About): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(about).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  )
