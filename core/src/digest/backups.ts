/** How the backups stand, as a digest says it. */
import { doubted, type PlanStatus } from '../backup/status.ts'
import type { BackupLine, BackupSize, DigestOutput } from './types.ts'

/** Much smaller than before is not well, nor is what did not restore, however fresh. */
const isWell = (plan: PlanStatus): boolean =>
  plan.state === 'fresh' && plan.shrunk.length === 0 && doubted(plan).length === 0

function lineOf(status: PlanStatus, now: Date): BackupLine {
  const { plan, title, repository, state, last, why, shrunk } = status
  const [less] = shrunk
  const names = doubted(status).join(', ')
  const doubt = names === '' ? undefined : `the last drill of ${names} failed`
  const reason =
    why ?? (less === undefined ? doubt : `${Math.round(less.percent)} % less ${less.what} than before`)
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
