/**
 * When a schedule is due: five cron fields, read on the wall clock of a time zone. The fields are counted as if there were no
 * daylight saving; what that makes of a wall time is decided here.
 */
import { HomelabError } from '@homelab/core'
import { CronTime } from 'cron'

export interface Rhythm {
  /** The first occurrence after this moment. @throws HomelabError `config` when none comes within eight years */
  next(after: Date): Date
  /** The last one after `after` that is not after `until`. @throws HomelabError `config` as `next` */
  newest(after: Date, until: Date): Date | undefined
}

const HOUR = 3_600_000
const MINUTE = 60_000
/** More than any clock was ever set by. */
const NEAR = 3 * HOUR
/** More than any time zone is from UTC. */
const FAR = 26 * HOUR

const names: Readonly<Record<string, string>> = {
  hourly: '0 * * * *',
  daily: '0 0 * * *',
  weekly: '0 0 * * 0',
  monthly: '0 0 1 * *',
}

/**
 * An hour that does not exist: what was due in it is due once, when the clock has jumped. An hour that comes twice: it is due the
 * first time only. Where every hour is meant (`*`), time goes on evenly instead.
 * @param cron five fields, or hourly, daily, weekly, monthly
 * @throws HomelabError `config`
 */
export function rhythmOf(cron: string, timezone: string): Rhythm {
  const fields = names[cron] ?? cron.trim()
  const time = explained(cron, () => new CronTime(fields, 'UTC'))
  const { offsetAt, momentsOf, afterGap } = zoneOf(timezone)
  const evenly = /^\*(?:\/1)?$/.test(fields.split(/\s+/)[1] ?? '')

  const nextWall = (wall: number): number =>
    explained(cron, () => time.getNextDateFrom(new Date(wall), 'UTC').toMillis())

  /** The moments that a wall time is due at. */
  const dueAt = (wall: number): readonly number[] => {
    const moments = momentsOf(wall)
    if (evenly) return moments
    return [moments[0] ?? afterGap(wall)]
  }

  function next(after: Date): Date {
    const from = after.getTime()
    const offsets = [offsetAt(from - NEAR), offsetAt(from), offsetAt(from + NEAR)]
    // In an hour that comes twice, what is next may be on an earlier wall time.
    const turning = evenly && new Set(offsets).size > 1
    let wall = from + offsetAt(from) - (turning ? NEAR : 0)
    let best: number | undefined
    for (;;) {
      wall = nextWall(wall)
      for (const moment of dueAt(wall)) if (moment > from && moment < (best ?? Infinity)) best = moment
      if (best !== undefined && (!turning || wall - Math.max(...offsets) >= best)) return new Date(best)
    }
  }

  return {
    next,
    newest(after, until) {
      // Backwards in growing steps: a year of minutes is not counted through.
      for (let span = HOUR; ; span *= 2) {
        const from = new Date(Math.max(after.getTime(), until.getTime() - span))
        if (from >= until) return undefined
        let last: Date | undefined
        for (let due = next(from); due <= until; due = next(due)) last = due
        if (last !== undefined) return last
        if (from.getTime() === after.getTime()) return undefined
      }
    },
  }
}

/** Milliseconds that wall clocks are ahead of UTC, and what moments a wall time (as if it were UTC) stands for. */
function zoneOf(timezone: string) {
  const format = formatFor(timezone)
  const offsetAt = (moment: number): number => {
    const parts: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(moment)) parts[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    const wall = Date.UTC(year, month - 1, day, hour, minute, second)
    return wall - Math.floor(moment / 1000) * 1000
  }
  const around = (wall: number) => [offsetAt(wall - FAR), offsetAt(wall + FAR)] as const
  return {
    offsetAt,
    /** In order; none in a gap, two in an hour that comes twice. */
    momentsOf: (wall: number): readonly number[] =>
      [...new Set(around(wall))]
        .map((offset) => wall - offset)
        .filter((moment) => moment + offsetAt(moment) === wall)
        .sort((a, b) => a - b),
    /** The moment at which the clock jumps over this wall time. */
    afterGap(wall: number): number {
      const offsets = around(wall)
      let before = wall - Math.max(...offsets)
      let after = wall - Math.min(...offsets)
      const then = offsetAt(after)
      while (after - before > MINUTE) {
        const middle = Math.floor((before + after) / 2 / MINUTE) * MINUTE
        if (offsetAt(middle) === then) after = middle
        else before = middle
      }
      return after
    },
  }
}

function formatFor(timezone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    throw new HomelabError('config', `There is no time zone "${timezone}".`, {
      hint: 'Write it as Europe/London.',
      cause: error,
    })
  }
}

function explained<T>(cron: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    const never = why.includes('8 years')
    throw new HomelabError(
      'config',
      never ? `The schedule "${cron}" never comes.` : `"${cron}" is no schedule: ${why}.`,
      { hint: 'Write hourly, daily, weekly, monthly or five cron fields, such as 0 3 * * *.', cause: error },
    )
  }
}
