/** What was done since then: what failed by name, of the rest what people wanted. */
import type { RunHistory, RunView } from '../operation/services.ts'
import type { DigestOutput, RunLine } from './types.ts'

/** More than a lab does in a week. */
const MOST = 1_000
const DAY_MS = 86_400_000
const LONGEST_MS = 31 * DAY_MS

const bySchedule = ({ caller }: RunView): boolean => caller.id.startsWith('schedule:')

export async function runsSince(
  history: RunHistory,
  since: Date,
  own: string,
): Promise<NonNullable<DigestOutput['runs']>> {
  const runs = (await history.list({ limit: MOST })).filter(
    (run) =>
      (run.operation !== own || run.state === 'failed') &&
      (run.finishedAt === undefined || Date.parse(run.finishedAt) >= since.getTime()),
  )
  const of = (...states: RunView['state'][]) => runs.filter(({ state }) => states.includes(state))
  const succeeded = of('succeeded')
  return {
    failed: of('failed').map(lineOf),
    people: succeeded.filter((run) => !bySchedule(run)).map(lineOf),
    succeeded: succeeded.length,
    cancelled: of('cancelled').length,
    active: of('queued', 'waiting', 'running', 'cancelling').length,
  }
}

const lineOf = ({ id, title, caller, startedAt, createdAt, error }: RunView): RunLine => ({
  id,
  title,
  who: caller.name,
  at: startedAt ?? createdAt,
  ...(error === undefined ? {} : { error: error.message }),
})

/** When the same schedule told it last, so that nothing falls between two of them; else a day ago. */
export async function lastTold(
  history: RunHistory | undefined,
  caller: string | undefined,
  own: string,
  now: Date,
): Promise<Date> {
  const day = new Date(now.getTime() - DAY_MS)
  if (history === undefined || caller?.startsWith('schedule:') !== true) return day
  const before = (await history.list({ limit: MOST })).find(
    (run) => run.operation === own && run.caller.id === caller && run.state === 'succeeded',
  )
  if (before?.startedAt === undefined) return day
  return new Date(Math.max(Date.parse(before.startedAt), now.getTime() - LONGEST_MS))
}
