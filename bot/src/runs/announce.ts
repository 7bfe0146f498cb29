/** Tells watchers about runs: every change of state at once, progress at most every 200 ms. */
import type { RunView } from '@homelab/core'
import type { RunListener } from './types.ts'

const throttleMs = 200

export interface Announcer {
  /** Calls back soon with the current state: by then the listener has what this returns. Ends with the run. */
  watch(id: string, listener: RunListener, current: () => RunView | undefined): () => void
  onAny(listener: RunListener): () => void
  state(view: RunView): void
  /** `view` is asked when it is time, for the latest. */
  progress(id: string, view: () => RunView | undefined): void
  close(): void
}

export function openAnnouncer(onError: (error: unknown) => void): Announcer {
  const watchers = new Map<string, Set<RunListener>>()
  const all = new Set<RunListener>()
  const soon = new Map<string, NodeJS.Timeout>()
  const last = new Map<string, number>()
  let closed = false

  const call = (listener: RunListener, view: RunView) => {
    try {
      listener(view)
    } catch (error) {
      onError(error)
    }
  }
  const emit = (view: RunView) => {
    last.set(view.id, performance.now())
    for (const listener of [...(watchers.get(view.id) ?? []), ...all]) call(listener, view)
  }

  return {
    watch(id, listener, current) {
      const listeners = watchers.get(id) ?? new Set()
      watchers.set(id, listeners.add(listener))
      const stop = () => {
        listeners.delete(listener)
        if (listeners.size === 0 && watchers.get(id) === listeners) watchers.delete(id)
      }
      queueMicrotask(() => {
        const view = listeners.has(listener) ? current() : undefined
        if (!view) return
        call(listener, view)
        if (view.finishedAt !== undefined) stop()
      })
      return stop
    },
    onAny(listener) {
      all.add(listener)
      return () => all.delete(listener)
    },
    state(view) {
      // What was due is older than this.
      clearTimeout(soon.get(view.id))
      soon.delete(view.id)
      emit(view)
      if (view.finishedAt === undefined) return
      last.delete(view.id)
      watchers.delete(view.id)
    },
    progress(id, view) {
      // Work that was left behind at a shutdown may still report.
      if (closed || soon.has(id)) return
      const now = () => {
        soon.delete(id)
        const current = view()
        if (current) emit(current)
      }
      const wait = throttleMs - (performance.now() - (last.get(id) ?? Number.NEGATIVE_INFINITY))
      if (wait <= 0) return now()
      soon.set(id, setTimeout(now, wait).unref())
    },
    close() {
      closed = true
      for (const timer of soon.values()) clearTimeout(timer)
      soon.clear()
      watchers.clear()
      all.clear()
    },
  }
}
