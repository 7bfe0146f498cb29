import type { Target } from '../inventory/types.ts'
import type { Clock } from '../ports.ts'
import type { Health, HealthReport } from './types.ts'

export interface WaitUntilUp {
  readonly clock: Clock
  readonly signal?: AbortSignal
  /** Milliseconds after which the last report is returned as it is. */
  readonly timeoutMs: number
  readonly onReport?: (report: HealthReport) => void
}

/** Most services are back in seconds: those are noticed at once, the slow ones are not hammered. */
const quickMs = 5000

/**
 * Checks every 0.25 s for 5 s, then every second, until the service is up.
 * The target's guest counts as running: the caller just started it, and what it knew before is old.
 * @returns the last report, `up` or not; at once when no check is known
 */
export async function waitUntilUp(
  health: Health,
  target: Target,
  options: WaitUntilUp,
): Promise<HealthReport> {
  const { clock, signal, timeoutMs, onReport } = options
  const running: Target = { ...target, guest: { ...target.guest, status: 'running' } }
  const started = clock.monotonic()
  for (;;) {
    const report = await health.check(running, signal === undefined ? {} : { signal })
    onReport?.(report)
    const spent = clock.monotonic() - started
    const pause = spent < quickMs ? 250 : 1000
    if (report.state === 'up' || report.state === 'none' || spent + pause > timeoutMs) return report
    await clock.sleep(pause, signal)
  }
}
