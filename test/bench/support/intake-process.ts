/** The intake alone on a store of its own, in a process: `node intake-process.ts FOLDER grouped|each`. Its first line is its address. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { serve } from '../../../bot/src/api/serve.ts'
import { createIntake } from '../../../bot/src/intake/intake.ts'
import type { Inbox } from '../../../bot/src/intake/types.ts'
import { openStore } from '../../../bot/src/store/index.ts'

const [folder = '.', kind = 'grouped'] = process.argv.slice(2)
const file = join(folder, 'desk.db')
const store = await openStore(file)
const inventory = parseInventory('alerts: { sources: { alertmanager: { secret: env:ALERTS } } }')

/** What a receiver does that thinks of one message at a time: a row, a commit, an answer. */
function each(): Pick<Inbox, 'add'> {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  const insert = db.prepare('INSERT INTO inbox (at, alerts) VALUES (?, ?)')
  return {
    async add(alerts) {
      insert.run(new Date().toISOString(), JSON.stringify(alerts))
    },
  }
}

const intake = createIntake({
  inventory: () => inventory,
  secrets: createSecrets({ env: process.env }),
  inbox: kind === 'each' ? each() : store.inbox,
  log: console,
})
const { url } = await serve(intake.app, { host: '127.0.0.1', port: 0, setting: 'the bench' })
process.stdout.write(`${url}\n`)
