import type { Json } from '@homelab/core'
import type { INodeProperties } from 'n8n-workflow'

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
  /** Typed as a password. */
  readonly secret?: boolean
  /** A required field with a list of its own, which core knows nothing of: the node's method, and examples. */
  readonly search?: {
    readonly method: string
    readonly noun: string
    readonly id: string
    readonly name: string
  }
}

type Values = Readonly<Record<string, unknown>>

export interface OperationOverride {
  /** Where it stands in the node. Default: the noun and the verb of its id. */
  readonly resource?: string
  readonly verb?: string
  /** In the Operation list, in title case. Default: the verb. */
  readonly name?: string
  /** In the node picker, in sentence case. Default: the operation's title. */
  readonly action?: string
  /** Below the name. Default: the operation's own description, which may speak of what a node does not have. */
  readonly description?: string
  readonly fields?: Readonly<Record<string, FieldOverride>>
  /** Fields made by hand, shown before those of the operation. */
  readonly own?: readonly INodeProperties[]
  /** Input that is not a person's to give. */
  readonly fixed?: Values
  /** The output's list of which each record becomes an item. Default: the output is one item. */
  readonly records?: string
  /** The output's list of which there is only ever one: that is the item. */
  readonly single?: string
  /** A check that has found something wrong fails its item. */
  readonly failing?: boolean
  /** What Simplify keeps of a record; for records of more than ten fields. */
  readonly simple?: readonly string[]
  /**
   * It sends one change and then follows it, so that it may be left to go on: "Wait for Completion" is offered.
   * Never for a series of changes, which would be left half-way. A function tells by the input.
   */
  readonly leavable?: boolean | ((input: Values) => boolean)
  /** Its plan may ask for a confirmation, which the risk alone does not tell: "Confirm" is offered. */
  readonly mayAsk?: boolean
  /** Its card has a picture, which the item may have as a file. */
  readonly picture?: boolean
  /** It runs commands: the SSH credential is offered. */
  readonly ssh?: boolean
  /** What to tell the person beside a success. */
  readonly warning?: (output: Readonly<Record<string, Json>>) => string | undefined
}

/** An operation that core does not have: its form is made by hand. */
export interface OwnOperation {
  readonly resource: string
  readonly verb: string
  readonly name: string
  readonly action: string
  readonly description: string
  readonly properties: readonly INodeProperties[]
}

export interface Overrides {
  /** Display names of nouns. Default: the noun in title case. */
  readonly resources?: Readonly<Record<string, string>>
  /** By operation id. */
  readonly operations: Readonly<Record<string, OperationOverride>>
  /** Besides those of core. */
  readonly own?: readonly OwnOperation[]
}
