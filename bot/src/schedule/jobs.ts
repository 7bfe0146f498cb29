/** What the file schedules, and which of it this version can do. */
import { createHash } from 'node:crypto'
import { type Clock, errorData, type Registry } from '@homelab/core'
import type { BackupEntry, Inventory } from '@homelab/core/inventory'
import { type Rhythm, rhythmOf } from './occurrences.ts'
import type { KnownJob, ScheduledJob, SchedulerLog } from './types.ts'

type Scheduled = Pick<Inventory, 'backups' | 'timezone'> & Partial<Pick<Inventory, 'repositories' | 'digest'>>

export function jobsOf(inventory: Scheduled): ScheduledJob[] {
  const { backups, digest, timezone } = inventory
  const common = (plan: Pick<BackupEntry, 'timezone'> = {}) => ({
    timezone: plan.timezone ?? timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    catchUp: 'once' as const,
  })
  return [
    ...backups.map((plan) => ({
      id: `backup/${plan.name}`,
      title: plan.title ?? plan.name,
      cron: plan.schedule,
      ...common(plan),
      ...(plan.jitter === undefined ? {} : { jitterMs: plan.jitter }),
      command: { operation: 'backup.run', input: { plan: plan.name } },
      once: true as const,
    })),
    ...verifyJobs(inventory, common),
    ...backups.flatMap((plan) =>
      plan.prune === undefined
        ? []
        : {
            id: `prune/${plan.name}`,
            title: `Prune ${plan.title ?? plan.name}`,
            cron: plan.prune,
            ...common(plan),
            command: { operation: 'backup.prune', input: { plan: plan.name } },
          },
    ),
    ...backups.flatMap((plan) =>
      plan.drill === undefined
        ? []
        : {
            id: `drill/${plan.name}`,
            title: `Drill of ${plan.title ?? plan.name}`,
            cron: plan.drill.schedule,
            ...common(plan),
            command: { operation: 'backup.drill', input: { plan: plan.name } },
            // Of guests one is tried each time: that it is good says nothing of those that are not.
            tellsDoubts: true as const,
          },
    ),
    ...copyDrills(inventory, common),
    ...(digest === undefined
      ? []
      : [
          {
            id: 'digest/morning',
            title: 'What happened, and what waits',
            cron: digest.schedule,
            ...common(),
            command: { operation: 'lab.digest', input: {} },
            tells: {
              ...(digest.channel === undefined ? {} : { channel: digest.channel }),
              ...(digest.empty ? {} : { unlessOk: true }),
            },
          },
        ]),
  ]
}

/** The job as it is begun for one occurrence. */
export const forOccurrence = (job: ScheduledJob, due: string): ScheduledJob =>
  job.once !== true ? job : { ...job, command: { ...job.command, input: { ...job.command.input, due } } }

/** Of whole guests that restic copies away, each repository by itself. */
const copyDrills = (
  { backups, repositories = [] }: Scheduled,
  common: (plan: BackupEntry) => Pick<ScheduledJob, 'timezone' | 'catchUp'>,
): ScheduledJob[] =>
  backups.flatMap((plan) => {
    const cron = plan.method === 'vzdump' ? plan.drill?.copies : undefined
    if (cron === undefined) return []
    return repositories
      .filter(({ name, restic }) => restic !== undefined && plan.to.includes(name))
      .map(({ name, title = name }) => ({
        id: `drill/${plan.name}/${name}`,
        title: `Drill of ${plan.title ?? plan.name} in ${title}`,
        cron,
        ...common(plan),
        command: { operation: 'backup.drill', input: { plan: plan.name, repository: name } },
        tellsDoubts: true as const,
      }))
  })

/** Several plans may share a repository, which is read once: as often as the most impatient of them wants it. */
function verifyJobs(
  { backups, repositories = [] }: Scheduled,
  common: (plan: BackupEntry) => Pick<ScheduledJob, 'timezone' | 'catchUp'>,
): ScheduledJob[] {
  return repositories.flatMap(({ name, title = name, restic }): ScheduledJob[] => {
    if (restic === undefined) return []
    const wanted = backups.flatMap((plan) =>
      plan.verify !== undefined && plan.to.includes(name) ? [{ ...plan.verify, ...common(plan) }] : [],
    )
    const [first, ...others] = wanted
    if (first === undefined) return []
    // Counting occurrences costs; mostly all say the same.
    const same = others.every(({ schedule }) => schedule === first.schedule)
    const most = same ? first : wanted.toSorted((a, b) => gapOf(a) - gapOf(b))[0]
    const { schedule: cron, cycle, timezone, catchUp } = most ?? first
    return [
      {
        id: `verify/${name}`,
        title: `Read a part of ${title}`,
        cron,
        timezone,
        catchUp,
        command: { operation: 'backup.verify', input: { repository: name, cycle } },
      },
    ]
  })
}

/** Milliseconds that four occurrences take; a schedule that makes no sense never comes. */
function gapOf({ schedule, timezone }: { readonly schedule: string; readonly timezone: string }): number {
  try {
    const rhythm = rhythmOf(schedule, timezone)
    const first = rhythm.next(new Date(0))
    let last = first
    for (let count = 0; count < 4; count++) last = rhythm.next(last)
    return last.getTime() - first.getTime()
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

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
