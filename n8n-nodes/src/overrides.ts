import type { Json } from '@homelab/core'

/** What the generated form cannot know: words and places that a person would notice. */
export interface FieldOverride {
  readonly displayName?: string
  readonly description?: string
  /** Shown as the placeholder, after "e.g.". */
  readonly example?: string
  /** Shown at once instead of under Options or Filters. Required fields always are. */
  readonly prominent?: boolean
  /** Not offered: the operation's own default holds. */
  readonly hidden?: boolean
}

export interface OperationOverride {
  /** In the Operation list, in title case. Default: the verb. */
  readonly name?: string
  /** In the node picker, in sentence case. Default: the operation's title. */
  readonly action?: string
  readonly fields?: Readonly<Record<string, FieldOverride>>
  /** The output's list of which each record becomes an item. Default: the output is one item. */
  readonly records?: string
  /** What Simplify keeps of a record; for records of more than ten fields. */
  readonly simple?: readonly string[]
  /** What to tell the person beside a success. */
  readonly warning?: (output: Readonly<Record<string, Json>>) => string | undefined
}

export interface Overrides {
  /** Display names of nouns. Default: the noun in title case. */
  readonly resources?: Readonly<Record<string, string>>
  /** By operation id. */
  readonly operations: Readonly<Record<string, OperationOverride>>
}
