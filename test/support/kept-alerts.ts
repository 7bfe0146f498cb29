/** Which alerts a bot's database has, wherever they are by now: counted from outside, after its death. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

interface Kept {
  readonly source: string
  readonly fingerprint: string
}

/** `source/fingerprint` of each that waits in the inbox or is part of an incident. */
export function keptAlerts(stateDir: string): ReadonlySet<string> {
  const database = new DatabaseSync(join(stateDir, 'desk.db'))
  try {
    const texts = (sql: string) => database.prepare(sql).all() as { readonly text: string }[]
    const kept = new Set<string>()
    const keep = (alerts: readonly Kept[]) => {
      for (const { source, fingerprint } of alerts) kept.add(`${source}/${fingerprint}`)
    }
    for (const { text } of texts('SELECT alerts AS text FROM inbox')) keep(JSON.parse(text) as Kept[])
    for (const { text } of texts('SELECT incident AS text FROM incidents')) {
      const incident = JSON.parse(text) as { readonly alerts: Kept[]; readonly over: string[] }
      keep(incident.alerts)
      for (const over of incident.over) kept.add(over)
    }
    return kept
  } finally {
    database.close()
  }
}
