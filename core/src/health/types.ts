import type { Target } from '../inventory/types.ts'

/** `none`: nothing to check it by is known; `unknown`: it could not be asked. */
export type HealthState = 'up' | 'degraded' | 'down' | 'unknown' | 'none'

export interface HealthReport {
  readonly state: HealthState
  /** For a person: `HTTP 200 in 12 ms`, `connection refused`, `maintenance mode is on`. */
  readonly detail: string
  readonly ms: number
}

export interface Health {
  /** Never throws but for an aborted signal: a failed check is a report. */
  check(target: Target, options?: { readonly signal?: AbortSignal }): Promise<HealthReport>
  /** Whether a check is known for it, so that waiting for it makes sense. */
  knows(target: Target): boolean
}
