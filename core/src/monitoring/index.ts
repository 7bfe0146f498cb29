/** Measurements over time, and their pictures. */
export * from './chart.ts'
export * from './forecast.ts'
export * from './monitoring.ts'
export * from './prometheus.ts'
export * from './series.ts'
export { inTheme, type Theme } from './theme.ts'
export * from './types.ts'
