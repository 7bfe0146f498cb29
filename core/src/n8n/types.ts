/** n8n as core sees it, by its public API (`/api/v1`) and its webhooks. */
import type { WorkflowEntry } from '../inventory/n8n-schema.ts'

/** A Webhook node of the published version. */
export interface Webhook {
  /** Name of the node. */
  readonly node: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /** What it asks of who calls; `other`: something that homelab cannot give. */
  readonly asks: 'nothing' | 'header' | 'other'
}

export interface Workflow {
  readonly id: string
  readonly name: string
  /** It has a published version, whose webhooks n8n listens on. */
  readonly active: boolean
  readonly archived: boolean
  /** Of the published version; changes with each publishing. */
  readonly version: string
  readonly webhooks: readonly Webhook[]
}

/** Also those that a newer n8n may invent. */
export type ExecutionStatus =
  | 'new'
  | 'running'
  | 'waiting'
  | 'success'
  | 'error'
  | 'canceled'
  | 'crashed'
  | 'unknown'

export interface Execution {
  readonly id: string
  readonly status: ExecutionStatus
  /** ISO 8601, by n8n's clock. */
  readonly startedAt?: string
  readonly stoppedAt?: string
  /** Of a failed one: the node it stopped at, and its message. */
  readonly error?: { readonly node?: string; readonly message: string }
}

/** What the workflow gets, as its body or its query. */
export interface WorkflowCall {
  /** Unique: an execution is found again by it. */
  readonly mark: string
  /** Who asked, for people. */
  readonly by: string
  readonly text?: string
}

export interface N8n {
  /** Those that may be started from here, in the order of homelab.yaml. From memory. */
  readonly entries: readonly WorkflowEntry[]
  /**
   * Every workflow that the API key may see.
   * @throws HomelabError `unauthorised` naming the scope that is missing, `config` when the address is no n8n
   */
  workflows(signal?: AbortSignal): Promise<readonly Workflow[]>
  /** @throws HomelabError `not-found`, or `ambiguous` when several have the name */
  workflow(entry: WorkflowEntry, signal?: AbortSignal): Promise<Workflow>
  /**
   * Calls the webhook, once. It resolves when n8n took the call, which may be at the end of the workflow.
   * @throws HomelabError `conflict` and `unauthorised` when n8n surely began nothing, `unclear` when it may have
   */
  start(webhook: Webhook, entry: WorkflowEntry, call: WorkflowCall): Promise<void>
  /** The execution that has this mark in its data; undefined when none of the latest shows it. */
  marked(workflow: string, mark: string, signal?: AbortSignal): Promise<string | undefined>
  /** @throws HomelabError `not-found`: n8n may be set not to keep it */
  execution(id: string, signal?: AbortSignal): Promise<Execution>
}
