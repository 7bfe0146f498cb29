export { createBeginner } from './begin.ts'
export { jobsOf } from './jobs.ts'
export { createScheduler } from './schedule.ts'
export type { ScheduledJob, SchedulerOptions } from './types.ts'
