import type { Clock } from '@homelab/core'

export interface Alarm {
  /** Rings once at this time of `clock.monotonic()`, instead of at the time that was set before. */
  set(at: number): void
  clear(): void
  readonly isSet: boolean
}

export function alarmOn(clock: Clock, ring: () => void): Alarm {
  let armed: { readonly at: number; readonly stop: AbortController } | undefined
  const clear = () => {
    armed?.stop.abort()
    armed = undefined
  }
  return {
    clear,
    get isSet() {
      return armed !== undefined
    },
    set(at) {
      if (armed?.at === at) return
      clear()
      const mine = { at, stop: new AbortController() }
      armed = mine
      clock.sleep(Math.max(0, at - clock.monotonic()), mine.stop.signal).then(
        () => {
          if (armed !== mine) return
          armed = undefined
          ring()
        },
        () => undefined,
      )
    },
  }
}
