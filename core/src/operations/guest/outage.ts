/** How long a service was away, as its own health check saw it. */
import type { Health } from '../../health/types.ts'
import type { Target } from '../../inventory/types.ts'
import type { Clock } from '../../ports.ts'

export interface Outage {
  /** From the last answer before it went away to the first after; undefined when it was never seen away. */
  downMs(): number | undefined
  end(): void
}

/** Asks the service twice a second while its guest restarts: the only honest measure of how long it was away. */
export function watchOutage(
  target: Target,
  { health, clock }: { readonly health: Health; readonly clock: Clock },
  signal: AbortSignal,
): Outage | undefined {
  if (!health.knows(target)) return undefined
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  let lastUp: number | undefined
  let away: number | undefined
  let back: number | undefined
  // What the overview said of the guest is up to 10 s old, and a check of a guest taken for stopped asks nobody.
  const running: Target = { ...target, guest: { ...target.guest, status: 'running' } }
  const look = async () => {
    while (!both.aborted) {
      const asked = clock.monotonic()
      const { state } = await health.check(running, { signal: both })
      if (both.aborted) return
      if (state === 'up' || state === 'degraded') {
        if (away === undefined) lastUp = asked
        else back ??= clock.monotonic()
      } else {
        away ??= lastUp ?? asked
        back = undefined
      }
      await clock.sleep(500, both)
    }
  }
  // Its only errors are the abort that ends it.
  look().catch(() => undefined)
  return {
    downMs: () => (away === undefined ? undefined : (back ?? clock.monotonic()) - away),
    end: () => stop.abort(),
  }
}
