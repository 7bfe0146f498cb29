export { createMetrics } from './metrics.ts'
export { createMetricsRoute } from './route.ts'
export type { Metrics, PlatformMeter } from './types.ts'
