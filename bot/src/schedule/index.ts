export { jobsOf } from './jobs.ts'
export { createScheduler } from './schedule.ts'
export type { ScheduledJob } from './types.ts'
