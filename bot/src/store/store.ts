import { errorData, HomelabError } from '@homelab/core'
import { Kysely, sql } from 'kysely'
import type { ApprovalStore } from '../chat/approvals.ts'
import type { CardStore } from '../chat/board.ts'
import type { FactStore, MessageStore } from '../chat/connector.ts'
import type { HistoryStore } from '../chat/history.ts'
import type { IncidentStore } from '../incidents/book.ts'
import type { Inbox } from '../intake/types.ts'
import type { GrantStore } from '../rights/grants.ts'
import { approvalsOn } from './approvals.ts'
import { auditOn, type StoredAudit } from './audit.ts'
import { cardsOn } from './cards.ts'
import { grantsOn } from './grants.ts'
import { historyOn } from './history.ts'
import { inboxOn } from './inbox.ts'
import { incidentsOn } from './incidents.ts'
import { factsOn, messagesOn } from './messages.ts'
import { migrations, type Tables } from './schema.ts'
import { type SqliteFile, sqliteFile } from './sqlite.ts'

/** What the bot remembers besides its runs. */
export interface Store {
  readonly audit: StoredAudit
  readonly history: HistoryStore
  readonly cards: CardStore
  readonly messages: MessageStore
  readonly facts: FactStore
  readonly approvals: ApprovalStore
  readonly grants: GrantStore
  readonly inbox: Inbox
  readonly incidents: IncidentStore
  close(): Promise<void>
}

/**
 * @param file of its own, not that of the runs; one process at a time, which the runs' lock sees to
 * @throws HomelabError `failed` when the file cannot be used
 */
export async function openStore(file: string, now: () => Date = () => new Date()): Promise<Store> {
  try {
    const sqlite = sqliteFile(file)
    const db = new Kysely<Tables>({ dialect: sqlite.dialect })
    await migrate(db, sqlite)
    return {
      audit: auditOn(db, now),
      history: historyOn(db, now),
      cards: cardsOn(db),
      messages: await messagesOn(db),
      facts: await factsOn(db),
      approvals: approvalsOn(db),
      grants: grantsOn(db),
      inbox: inboxOn(db, now),
      incidents: incidentsOn(db),
      close: () => db.destroy(),
    }
  } catch (error) {
    throw new HomelabError('failed', `The store ${file} cannot be used: ${errorData(error).message}.`, {
      hint: 'Look at its owner and rights, and at the space on its disk.',
      cause: error,
    })
  }
}

async function migrate(db: Kysely<Tables>, sqlite: SqliteFile): Promise<void> {
  const { rows } = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db)
  const done = rows[0]?.user_version ?? 0
  if (done > migrations.length) {
    throw new Error(`it was written by a newer homelab (version ${done}, known ${migrations.length})`)
  }
  for (const [index, migration] of migrations.entries()) {
    if (index >= done) sqlite.exec(`BEGIN; ${migration}; PRAGMA user_version = ${index + 1}; COMMIT`)
  }
}
