/** At most `max` pieces of work at once in a lane; others wait in order. */
interface LaneOptions {
  readonly lane: string
  readonly max: number
  readonly signal?: AbortSignal | undefined
}

export interface Limiter {
  /** @throws the signal's reason when it is aborted while waiting */
  run<T>(options: LaneOptions, work: () => Promise<T>): Promise<T>
}

interface Lane {
  busy: number
  readonly waiting: Set<() => void>
}

export function createLimiter(): Limiter {
  const lanes = new Map<string, Lane>()

  function acquire(lane: Lane, { max, signal }: LaneOptions): Promise<void> {
    signal?.throwIfAborted()
    if (lane.busy < max) {
      lane.busy += 1
      return Promise.resolve()
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const go = (): void => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }
    const stop = (): void => {
      lane.waiting.delete(go)
      reject(signal?.reason)
    }
    lane.waiting.add(go)
    signal?.addEventListener('abort', stop, { once: true })
    return promise
  }

  function release(key: string, lane: Lane): void {
    const [next] = lane.waiting
    if (next !== undefined) {
      lane.waiting.delete(next)
      // The place is handed on, so `busy` stays.
      next()
      return
    }
    lane.busy -= 1
    if (lane.busy === 0) lanes.delete(key)
  }

  return {
    async run(options, work) {
      const key = options.lane
      const lane = lanes.get(key) ?? { busy: 0, waiting: new Set() }
      lanes.set(key, lane)
      await acquire(lane, options)
      try {
        return await work()
      } finally {
        release(key, lane)
      }
    },
  }
}
