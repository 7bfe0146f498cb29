/** One thing that is not as it is meant, and what can be done about it. */

export const severities = ['critical', 'warning', 'note'] as const
export type Severity = (typeof severities)[number]

/** What puts it right: always a plan first. Plain JSON. */
export type Fix =
  | {
      readonly kind: 'expose'
      readonly service: string
      readonly hostname: string
      /** Left out: as homelab.yaml says. */
      readonly public?: boolean
      readonly until?: string
    }
  | { readonly kind: 'unexpose'; readonly hostname: string }
  /** A route of ours in Traefik that nobody means. */
  | { readonly kind: 'unroute'; readonly name: string; readonly hostname: string }
  /** A rule of the tunnel that leads to Traefik and to nobody. */
  | { readonly kind: 'unrule'; readonly hostname: string; readonly service: string }

export interface DriftRow {
  /** What one types to put it right: `dns-missing/jellyfin.example.com`. */
  readonly id: string
  readonly kind: string
  /** A host name; else a service, a file or a place. */
  readonly subject: string
  readonly meant: string
  readonly there: string
  readonly severity: Severity
  readonly fix?: Fix
  /** What to do where no fix is offered. */
  readonly hint?: string
}

export const row = (
  kind: string,
  subject: string,
  severity: Severity,
  meant: string,
  there: string,
  how: { readonly fix?: Fix | undefined; readonly hint?: string } = {},
): DriftRow => ({
  id: `${kind}/${subject}`,
  kind,
  subject,
  meant,
  there,
  severity,
  ...(how.fix === undefined ? {} : { fix: how.fix }),
  ...(how.hint === undefined ? {} : { hint: how.hint }),
})

/** The worst first, then by name. */
export const inOrder = (rows: readonly DriftRow[]): readonly DriftRow[] =>
  rows.toSorted(
    (a, b) =>
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : a.kind < b.kind ? -1 : 1),
  )
