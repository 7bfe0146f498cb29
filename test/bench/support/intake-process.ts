/** The intake alone on a store of its own, in a process: `node intake-process.ts FOLDER grouped|each`. Its first line is its address. */
import { join } from 'node:path'
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { Kysely } from 'kysely'
import { serve } from '../../../bot/src/api/serve.ts'
import { createIntake } from '../../../bot/src/intake/intake.ts'
import type { Inbox } from '../../../bot/src/intake/types.ts'
import { openStore } from '../../../bot/src/store/index.ts'
import type { Tables } from '../../../bot/src/store/schema.ts'
import { sqliteFile } from '../../../bot/src/store/sqlite.ts'

const [folder = '.', kind = 'grouped'] = process.argv.slice(2)
const file = join(folder, 'desk.db')
const store = await openStore(file)
const inventory = parseInventory('alerts: { sources: { alertmanager: { secret: env:ALERTS } } }')

/** What a receiver does that thinks of one message at a time: a row, a commit, an answer. */
function each(): Pick<Inbox, 'add'> {
  const db = new Kysely<Tables>({ dialect: sqliteFile(file).dialect })
  return {
    async add(alerts) {
      const row = { at: new Date().toISOString(), alerts: JSON.stringify(alerts) }
      await db.insertInto('inbox').values(row).execute()
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
