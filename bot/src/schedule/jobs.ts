/** What the file schedules, and which of it this version can do. */
import { createHash } from 'node:crypto'
import { type Clock, errorData, type Registry } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import { type Rhythm, rhythmOf } from './occurrences.ts'
import type { KnownJob, ScheduledJob, SchedulerLog } from './types.ts'

export const jobsOf = ({ backups, timezone }: Pick<Inventory, 'backups' | 'timezone'>): ScheduledJob[] =>
  backups.map((plan) => ({
    id: `backup/${plan.name}`,
    title: plan.title ?? plan.name,
    cron: plan.schedule,
    timezone: plan.timezone ?? timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    catchUp: 'once',
    command: { operation: 'backup.run', input: { plan: plan.name } },
  }))

/** What is wrong with a job is logged once, not at each look. */
export function createJobs(
  jobs: () => readonly ScheduledJob[],
  registry: Registry,
  clock: Clock,
  log: SchedulerLog,
) {
  const rhythms = new Map<string, Rhythm | string>()
  const said = new Set<string>()
  const once = (id: string, facts: object, text: string) => {
    if (said.has(`${id} ${text}`)) return
    said.add(`${id} ${text}`)
    log.warn({ schedule: id, ...facts }, text)
  }
  const rhythm = (job: ScheduledJob): Rhythm | string => {
    const rule = ruleOf(job)
    const known = rhythms.get(rule)
    if (known !== undefined) return known
    const made = understood(job, clock.now())
    rhythms.set(rule, made)
    return made
  }
  return (): readonly KnownJob[] =>
    jobs().flatMap((job): KnownJob[] => {
      const operation = registry.byId(job.command.operation)
      if (operation === undefined) {
        once(job.id, { operation: job.command.operation }, 'a schedule is for what this version cannot do')
        return []
      }
      const made = rhythm(job)
      if (typeof made !== 'string') return [{ job, operation, rhythm: made }]
      once(job.id, { problem: made }, 'a schedule makes no sense')
      return [{ job, operation, problem: made }]
    })
}

export const ruleOf = ({ cron, timezone }: ScheduledJob): string => `${cron} ${timezone}`

function understood({ cron, timezone }: ScheduledJob, now: Date): Rhythm | string {
  try {
    const rhythm = rhythmOf(cron, timezone)
    rhythm.next(now)
    return rhythm
  } catch (error) {
    return errorData(error).message
  }
}

/** Milliseconds; the same for an occurrence on every bot, and never up to the next. */
export function jitterOf({ jitterMs = 0 }: ScheduledJob, key: string, rhythm: Rhythm, due: Date): number {
  if (jitterMs <= 0) return 0
  const room = (rhythm.next(due).getTime() - due.getTime()) / 2
  const share = createHash('sha256').update(key).digest().readUInt32BE() / 2 ** 32
  return Math.floor(share * Math.min(jitterMs, room))
}
