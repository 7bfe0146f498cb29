/** How the backups stand, as a digest says it. */
import type { PlanStatus } from '../backup/status.ts'
import type { BackupLine, BackupSize, DigestOutput } from './types.ts'

/** Much smaller than before is not well, however fresh. */
const isWell = ({ state, shrunk }: PlanStatus): boolean => state === 'fresh' && shrunk.length === 0

function lineOf({ plan, title, repository, state, last, why, shrunk }: PlanStatus, now: Date): BackupLine {
  const [less] = shrunk
  const reason =
    why ?? (less === undefined ? undefined : `${Math.round(less.percent)} % less ${less.what} than before`)
  return {
    plan,
    title,
    repository,
    state,
    ...(last === undefined ? {} : { ageMs: now.getTime() - last }),
    ...(reason === undefined ? {} : { why: reason }),
  }
}

const sizeOf = ({ title, repository, bytes, weekAgo }: PlanStatus): readonly BackupSize[] =>
  bytes === undefined ? [] : [{ title, repository, bytes, ...(weekAgo === undefined ? {} : { weekAgo }) }]

export const backupsOf = (plans: readonly PlanStatus[], now: Date): DigestOutput['backups'] => ({
  fresh: plans.filter(isWell).length,
  others: plans.filter((each) => !isWell(each)).map((each) => lineOf(each, now)),
  sizes: plans.flatMap(sizeOf).toSorted((a, b) => b.bytes - a.bytes),
})
