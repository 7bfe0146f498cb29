/**
 * The few things that nodes need of n8n-workflow while they run, for tests in this process: the real one wants 25 packages more,
 * which only the end-to-end suite installs. There the nodes run with it.
 */
import { setTimeout as delay } from 'node:timers/promises'

export const NodeConnectionTypes = { Main: 'main', AiTool: 'ai_tool' } as const

interface Options {
  readonly message?: string
  readonly description?: string
  readonly httpCode?: string
  readonly itemIndex?: number
}

class NodeError extends Error {
  readonly node: unknown
  readonly description: string | null
  readonly httpCode: string | null
  readonly context: { readonly itemIndex?: number }

  constructor(node: unknown, message: string, { description, httpCode, itemIndex }: Options) {
    super(message)
    this.name = new.target.name
    this.node = node
    this.description = description ?? null
    this.httpCode = httpCode ?? null
    this.context = itemIndex === undefined ? {} : { itemIndex }
  }
}

export class NodeApiError extends NodeError {
  constructor(node: unknown, response: { readonly message?: string }, options: Options = {}) {
    super(node, options.message ?? response.message ?? '', options)
  }
}

export class NodeOperationError extends NodeError {
  constructor(node: unknown, error: Error | string, options: Options = {}) {
    super(node, options.message ?? (typeof error === 'string' ? error : error.message), options)
  }
}

export async function sleep(ms: number): Promise<void> {
  await delay(ms)
}

export async function sleepWithAbort(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal })
}
