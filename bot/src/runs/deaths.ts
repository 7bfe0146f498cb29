/** Crash loops: a run that was at work when the process ended unasked may be what ended it. */
import type { Database } from './database.ts'

/** To be called once at start. */
export function countDeaths(db: Database): void {
  const well = db.run(`DELETE FROM meta WHERE name = 'closed'`) > 0
  if (well) return
  db.run('UPDATE runs SET deaths = deaths + 1 WHERE finished_at IS NULL AND started_at IS NOT NULL')
}

/** To be called when the process has lived for a while: what runs now does not end it. */
export function forgetDeaths(db: Database): void {
  db.run('UPDATE runs SET deaths = 0 WHERE finished_at IS NULL AND deaths > 0')
}

export function closedWell(db: Database): void {
  db.run(`INSERT OR REPLACE INTO meta (name, value) VALUES ('closed', 'well')`)
}
