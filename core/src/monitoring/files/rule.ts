/** One alert rule, as the groups write it. */
import type { Severity } from '../../alerts/types.ts'
import { verbatim } from './promql.ts'
import { noted, plain } from './yaml.ts'

export interface Rule {
  readonly alert: string
  readonly expr: string
  /** How long it must be so before it is told: `2m`. */
  readonly for?: string
  readonly severity: Severity
  /** What is wrong, apart from what it is wrong with: `down`, `full`. With the labels it makes the incident. */
  readonly kind: string
  /** What it is about, where the query does not say: `{service: 'plex'}`. */
  readonly labels?: Readonly<Record<string, string>>
  /** A template of Go: names go through `text`. */
  readonly summary: string
  readonly description: string
  /** Why it is as it is. */
  readonly comment?: string
}

export interface Group {
  readonly name: string
  readonly comment: string
  readonly rules: readonly Rule[]
}

/** A name or title in a summary. */
export const text = (name: string): string => verbatim(plain(name))

export const groupNode = ({ name, comment, rules }: Group) =>
  noted(comment, { name, rules: rules.map(ruleNode) })

function ruleNode({
  alert,
  expr,
  severity,
  kind,
  labels = {},
  summary,
  description,
  comment,
  ...rule
}: Rule) {
  const about = Object.entries(labels).map(([name, value]) => [name, verbatim(value)])
  const node = {
    alert,
    expr,
    for: rule.for,
    labels: { ...Object.fromEntries(about), severity, kind },
    annotations: { summary, description },
  }
  return comment === undefined ? node : noted(comment, node)
}

/** `my-app` → `MyApp`. */
export const pascal = (name: string): string =>
  name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')
