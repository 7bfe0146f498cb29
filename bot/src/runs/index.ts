export { openRuns } from './runs.ts'
export type { Runs } from './types.ts'
