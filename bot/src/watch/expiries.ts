/** What was exposed for a while, and when it is taken back: as jobs of the schedule, which knows how to be late and to try again. */
import { z } from 'zod'
import type { ScheduledJob } from '../schedule/types.ts'

const MINUTE_MS = 60_000

/** By host name, ISO 8601. */
export const Expiries = z.record(
  z.string(),
  z.object({
    /** As its DNS record says. */
    until: z.string(),
    /** When it is begun: later than `until` where nobody was there to see it. */
    at: z.string(),
  }),
)
export type Expiries = z.infer<typeof Expiries>

/** @param now a job counts from when it is known on, so what is over already begins in two minutes */
export function withExpiry(
  expiries: Expiries,
  hostname: string,
  until: string | undefined,
  now: Date,
): Expiries {
  const { [hostname]: before, ...others } = expiries
  if (until === undefined || Number.isNaN(Date.parse(until))) return others
  if (before?.until === until) return expiries
  const at = new Date(Math.max(Date.parse(until), now.getTime() + 2 * MINUTE_MS))
  return { ...others, [hostname]: { until, at: at.toISOString() } }
}

/** All of them as they were just found; what is not among them was taken back, or is for good now. */
export const onlyExpiries = (
  expiries: Expiries,
  found: ReadonlyMap<string, string | undefined>,
  now: Date,
): Expiries =>
  [...found].reduce(
    (all, [hostname, until]) => withExpiry(all, hostname, until, now),
    Object.fromEntries(Object.entries(expiries).filter(([hostname]) => found.has(hostname))),
  )

export const expiryJobs = (expiries: Expiries): readonly ScheduledJob[] =>
  Object.entries(expiries).map(([hostname, { at }]) => {
    const time = new Date(at)
    return {
      id: `expire/${hostname}`,
      title: `Take ${hostname} back`,
      cron: `${time.getUTCMinutes()} ${time.getUTCHours()} ${time.getUTCDate()} ${time.getUTCMonth() + 1} *`,
      timezone: 'UTC',
      catchUp: 'once',
      command: { operation: 'tunnel.unexpose', input: { name: hostname } },
    }
  })
