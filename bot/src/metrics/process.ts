/** Of the process: processor, memory, event loop. Once, however many bots a test has in it: their observers cannot be ended. */
import { collectDefaultMetrics, Registry } from 'prom-client'

/** Gauges that are named like counters, and tell the same as others. */
const misnamed = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
] as const

let made: Registry | undefined

export function processMetrics(): Registry {
  if (made !== undefined) return made
  made = new Registry()
  collectDefaultMetrics({ register: made })
  for (const name of misnamed) made.removeSingleMetric(name)
  return made
}
