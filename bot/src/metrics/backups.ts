/** How the backups stand, by what the watch saw last. Ages grow from one look to the next by themselves. */
import type { PlanStatus } from '@homelab/core/backup'
import { Gauge, type Registry } from 'prom-client'

/** A lab has a handful; a file with more is measured so far. */
const MOST_ROWS = 500

export function measureBackups(
  registers: Registry[],
  now: () => Date,
): (rows: readonly PlanStatus[], at: Date) => void {
  let rows: readonly PlanStatus[] = []
  let lookedAt: Date | undefined
  const gauge = (name: string, help: string, of: (row: PlanStatus) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['plan', 'repository'],
      registers,
      collect() {
        // A plan that is gone from the file is gone here.
        this.reset()
        for (const row of rows) {
          const value = of(row)
          if (value !== undefined) this.set({ plan: row.plan, repository: row.repository }, value)
        }
      },
    })
  gauge(
    'homelab_backup_age_seconds',
    'Age of the newest proven snapshot; absent where there is none.',
    ({ last }) => (last === undefined ? undefined : Math.max(0, now().getTime() - last) / 1000),
  )
  gauge('homelab_backup_size_bytes', 'Bytes of the newest proven snapshot.', ({ bytes }) => bytes)
  gauge(
    'homelab_backup_fresh_limit_seconds',
    'How old the newest proven snapshot may get.',
    ({ freshMs }) => freshMs / 1000,
  )
  gauge(
    'homelab_backup_proven',
    'Whether there is a proven snapshot; absent while it cannot be looked up.',
    ({ state, last }) => (last !== undefined ? 1 : state === 'never' ? 0 : undefined),
  )
  new Gauge({
    name: 'homelab_backups_looked_timestamp_seconds',
    help: 'When the repositories were looked at last; absent before the first time.',
    registers,
    collect() {
      // A gauge without labels is born with a zero.
      if (lookedAt === undefined) this.remove()
      else this.set(lookedAt.getTime() / 1000)
    },
  })
  return (seen, at) => {
    rows = oneEach(seen).slice(0, MOST_ROWS)
    lookedAt = at
  }
}

/** A repository that is both a storage and restic's has two rows of one plan: the worse of them counts. */
function oneEach(rows: readonly PlanStatus[]): readonly PlanStatus[] {
  const all = new Map<string, PlanStatus>()
  for (const row of rows) {
    const key = JSON.stringify([row.plan, row.repository])
    const other = all.get(key)
    if (other === undefined || (row.last ?? 0) < (other.last ?? 0)) all.set(key, row)
  }
  return [...all.values()]
}
