export { createMetrics } from './metrics.ts'
export { createMetricsRoute } from './route.ts'
