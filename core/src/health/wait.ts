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
/** So long must a service stay degraded, or be out of reach of any question, until that is the answer. */
const settledMs = 10_000

/**
 * Checks every 0.25 s for 5 s, then every second, until the service is up.
 * The target's guest counts as running: the caller just started it, and what it knew before is old.
 * @returns the last report, `up` or not; at once when no check is known, and soon when it stays `degraded` or `unknown`
 */
export async function waitUntilUp(
  health: Health,
  target: Target,
  options: WaitUntilUp,
): Promise<HealthReport> {
  const { clock, signal, timeoutMs, onReport } = options
  const running: Target = { ...target, guest: { ...target.guest, status: 'running' } }
  const started = clock.monotonic()
  let last: { readonly state: string; readonly since: number } | undefined
  for (;;) {
    const report = await health.check(running, signal === undefined ? {} : { signal })
    onReport?.(report)
    const now = clock.monotonic()
    if (last?.state !== report.state) last = { state: report.state, since: now }
    const settled = report.state !== 'down' && now - last.since >= settledMs
    const spent = now - started
    const pause = spent < quickMs ? 250 : 1000
    if (report.state === 'up' || report.state === 'none' || settled || spent + pause > timeoutMs)
      return report
    await clock.sleep(pause, signal)
  }
}
