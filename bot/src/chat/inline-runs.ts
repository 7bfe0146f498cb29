/** Runs in this process and no further: for a terminal without a bot. A crash ends them; a bot's runs are durable. */
import { randomUUID } from 'node:crypto'
import {
  type Clock,
  errorData,
  HomelabError,
  isHomelabError,
  type Operation,
  type RunView,
  runInline,
  type Services,
} from '@homelab/core'
import type { RunListener, RunRequest } from '../runs/types.ts'
import type { Runner } from './types.ts'

export interface InlineRuns extends Runner {
  /** Cancels whatever runs and resolves when its undos are done. */
  cancelAll(reason: string): Promise<void>
}

export function inlineRuns(
  find: (id: string) => Operation | undefined,
  services: (request: RunRequest) => Partial<Services>,
  clock: Clock,
): InlineRuns {
  const views = new Map<string, RunView>()
  const listeners = new Map<string, Set<RunListener>>()
  const atWork = new Map<string, { abort: AbortController; done: Promise<void> }>()

  const show = (view: RunView): RunView => {
    views.set(view.id, view)
    for (const listener of listeners.get(view.id) ?? []) listener(view)
    return view
  }
  const update = (id: string, change: Partial<RunView>) => {
    const view = views.get(id)
    if (view !== undefined) show({ ...view, ...change })
  }

  async function work(
    operation: Operation,
    request: RunRequest,
    id: string,
    signal: AbortSignal,
  ): Promise<void> {
    const finish = (end: Partial<RunView>) => update(id, { ...end, finishedAt: clock.now().toISOString() })
    try {
      const result = await runInline(operation, request.input, services(request), {
        clock,
        signal,
        report: (progress) => update(id, { progress }),
      })
      finish({ state: 'succeeded', result })
    } catch (error) {
      const cancelled = isHomelabError(error) && error.code === 'cancelled'
      finish({ state: cancelled ? 'cancelled' : 'failed', error: errorData(error) })
    }
  }

  return {
    start(request) {
      const operation = find(request.operation)
      if (operation === undefined)
        return Promise.reject(new HomelabError('bug', `no operation ${request.operation}`))
      const now = clock.now().toISOString()
      const { title, input, caller } = request
      const id = randomUUID().slice(0, 8)
      const run = show({
        id,
        operation: operation.id,
        title,
        input,
        caller,
        state: 'running',
        createdAt: now,
        startedAt: now,
      })
      const abort = new AbortController()
      const done = work(operation, request, id, abort.signal).finally(() => atWork.delete(id))
      atWork.set(id, { abort, done })
      return Promise.resolve({ run, existing: false })
    },
    watch(id, listener) {
      const all = listeners.get(id) ?? new Set()
      listeners.set(id, all.add(listener))
      const now = views.get(id)
      if (now !== undefined) queueMicrotask(() => all.has(listener) && listener(views.get(id) ?? now))
      return () => all.delete(listener)
    },
    async cancelAll(reason) {
      const all = [...atWork.values()]
      for (const { abort } of all) abort.abort(new HomelabError('cancelled', reason))
      await Promise.all(all.map(({ done }) => done))
    },
  }
}
