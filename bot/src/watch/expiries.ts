/** What was exposed for a while, and when it is taken back: as jobs of the schedule, which knows how to be late and to try again. */
import { z } from 'zod'
import type { Memory } from '../schedule/memory.ts'
import type { ScheduledJob } from '../schedule/types.ts'

const MINUTE_MS = 60_000

/** By host name, ISO 8601. */
export const Expiries = z.record(
  z.string(),
  z.object({
    /** As its DNS record says. */
    until: z.string(),
    /** When it is begun: later than `until` where nobody was there to see it, or where it failed before. */
    at: z.string(),
  }),
)
export type Expiries = z.infer<typeof Expiries>

const jobOf = (hostname: string): string => `expire/${hostname}`

/**
 * @param now a job counts from when it is known on, so what is over already begins in two minutes
 * @param tried its time came, and it is there all the same: it begins once more
 */
export function withExpiry(
  expiries: Expiries,
  hostname: string,
  until: string | undefined,
  now: Date,
  tried = false,
): Expiries {
  const { [hostname]: before, ...others } = expiries
  if (until === undefined || Number.isNaN(Date.parse(until))) return others
  if (before?.until === until && !tried) return expiries
  const at = new Date(Math.max(Date.parse(until), now.getTime() + 2 * MINUTE_MS))
  return { ...others, [hostname]: { until, at: at.toISOString() } }
}

/** All of them as they were just found; what is not among them was taken back, or is for good now. */
export const onlyExpiries = (
  expiries: Expiries,
  found: ReadonlyMap<string, string | undefined>,
  now: Date,
  tried: (hostname: string, at: string) => boolean,
): Expiries =>
  [...found].reduce(
    (all, [hostname, until]) => {
      const at = all[hostname]?.at
      return withExpiry(all, hostname, until, now, at !== undefined && tried(hostname, at))
    },
    Object.fromEntries(Object.entries(expiries).filter(([hostname]) => found.has(hostname))),
  )

/**
 * Whether the scheduler is through with the job that was to begin then: it has begun, does not go on, and is not tried
 * again by itself.
 */
export const triedBy =
  (schedules: Pick<Memory, 'get'>, now: Date) =>
  (hostname: string, at: string): boolean => {
    const { seen, last, trouble } = schedules.get(jobOf(hostname))
    // As the job's cron has it.
    const due = Math.floor(Date.parse(at) / MINUTE_MS) * MINUTE_MS
    return (
      due <= now.getTime() &&
      seen !== undefined &&
      Date.parse(seen) >= due &&
      trouble === undefined &&
      last?.state !== 'running' &&
      last?.again === undefined
    )
  }

export const expiryJobs = (expiries: Expiries): readonly ScheduledJob[] =>
  Object.entries(expiries).map(([hostname, { at }]) => {
    const time = new Date(at)
    return {
      id: jobOf(hostname),
      title: `Take ${hostname} back`,
      cron: `${time.getUTCMinutes()} ${time.getUTCHours()} ${time.getUTCDate()} ${time.getUTCMonth() + 1} *`,
      timezone: 'UTC',
      catchUp: 'once',
      oneCard: true,
      command: { operation: 'tunnel.unexpose', input: { name: hostname } },
    }
  })
