/** Which alerts a silence in Alertmanager mutes. */
import type { HeldAlert, Matcher } from '@homelab/core/alerts'

/**
 * This alert and no other of those that fire: all of its labels, and where another one has these and more, that it has no more.
 */
export function matchersOf(
  { fingerprint, labels }: HeldAlert,
  all: readonly HeldAlert[],
): readonly Matcher[] {
  const own = Object.entries(labels)
  const more = new Set(
    all
      .filter(
        (other) =>
          other.fingerprint !== fingerprint && own.every(([name, value]) => other.labels[name] === value),
      )
      .flatMap((other) => Object.keys(other.labels))
      .filter((name) => labels[name] === undefined),
  )
  return [...own, ...[...more].map((name) => [name, ''] as const)].map(([name, value]) => ({
    name,
    value,
    isRegex: false,
    isEqual: true,
  }))
}
