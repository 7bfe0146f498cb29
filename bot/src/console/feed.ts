/** Looks at the lab every few seconds for as long as anybody watches, once for all of them. */
import { errorData } from '@homelab/core'
import type { GlanceSource } from './types.ts'
import type { GlanceState } from './view/glance.ts'

export interface GlanceFeed {
  /** As it was last seen; nothing before the first look. */
  readonly state: GlanceState
  /** Looks now unless it was seen just now, and waits for it at most this long. */
  fresh(withinMs: number): Promise<GlanceState>
  /** Something was changed: the next look comes sooner, if anybody watches. */
  nudge(): void
  /** Called after each look. Returns how to stop. */
  watch(listener: (state: GlanceState) => void): () => void
}

/** A look that takes longer is given up: the next one may do better. */
const lookMs = 30_000
/** After a change; before that, Proxmox and the lab's own cache may still tell what was. */
const settledMs = 2_500

export function createGlanceFeed(source: GlanceSource, everyMs = 10_000): GlanceFeed {
  const listeners = new Set<(state: GlanceState) => void>()
  let state: GlanceState = {}
  let seen = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const look = (): Promise<void> => {
    looking ??= (async () => {
      try {
        state = { glance: await source(AbortSignal.timeout(lookMs)) }
      } catch (error) {
        const { code, message, hint } = errorData(error)
        const text = code === 'bug' ? 'The lab could not be looked at.' : message
        state = {
          ...(state.glance === undefined ? {} : { glance: state.glance }),
          problem: { message: text, ...(hint === undefined ? {} : { hint }) },
        }
      }
      seen = performance.now()
      looking = undefined
      for (const listener of listeners) listener(state)
      plan()
    })()
    return looking
  }

  // The next look is planned after the last one ended: a slow lab is not asked twice at a time.
  const plan = (inMs = everyMs) => {
    clearTimeout(timer)
    if (listeners.size > 0) timer = setTimeout(() => void look(), inMs)
  }

  return {
    get state() {
      return state
    },
    async fresh(withinMs) {
      if (performance.now() - seen < everyMs) return state
      const { promise, resolve } = Promise.withResolvers<void>()
      const limit = setTimeout(resolve, withinMs)
      await Promise.race([look(), promise])
      clearTimeout(limit)
      return state
    },
    nudge: () => plan(Math.min(everyMs, settledMs)),
    watch(listener) {
      listeners.add(listener)
      if (performance.now() - seen >= everyMs) void look()
      else plan()
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) clearTimeout(timer)
      }
    },
  }
}
