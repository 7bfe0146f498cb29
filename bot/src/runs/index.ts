export { openRuns } from './runs.ts'
export type { Execute, ExecuteRequest, RunListener, RunRequest, Runs, RunsLog, RunsOptions } from './types.ts'
