/** Stores in files of their own, and what somebody with the file in their hands can do to one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import type { AuditEntry } from '../chat/audit.ts'
import { migrations } from './schema.ts'
import { openStore, type Store } from './store.ts'

export const now = () => new Date('2026-11-23T09:00:00.000Z')

export function storeFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-audit-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'desk.db')
}

export async function openFile(file: string): Promise<Store> {
  const store = await openStore(file, now)
  onTestFinished(() => store.close())
  return store
}

export const entry = (number: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
  caller: { id: 'discord:1', name: 'mary', surface: 'chat' },
  channel: 'discord:77',
  command: `restart plex ${number}`,
  operation: 'service.restart',
  decision: 'started',
  plan: 'Restart plex (CT 110 on pve)',
  run: '4f7k2m',
  ...more,
})

export async function logOf(count: number, file = storeFile()): Promise<{ file: string; store: Store }> {
  const store = await openFile(file)
  for (let number = 1; number <= count; number++) await store.audit.append(entry(number))
  return { file, store }
}

type Row = Record<string, SQLOutputValue>

export interface Burglar {
  sql(text: string): void
  rows(): Row[]
  /** Writes the rows anew, in this order, numbered from 1. */
  rewrite(rows: readonly Row[]): void
}

/** Past the program and past the triggers. */
export function burglar(file: string): Burglar {
  const raw = new DatabaseSync(file)
  onTestFinished(() => raw.close())
  raw.exec('DROP TRIGGER IF EXISTS audit_is_not_rewritten; DROP TRIGGER IF EXISTS audit_is_not_deleted')
  return {
    sql: (text) => raw.exec(text),
    rows: () => raw.prepare('SELECT * FROM audit ORDER BY seq').all() as Row[],
    rewrite(rows) {
      raw.exec('BEGIN; DELETE FROM audit')
      for (const [index, row] of rows.entries()) {
        const values = { ...row, seq: index + 1 }
        const names = Object.keys(values)
        raw
          .prepare(`INSERT INTO audit (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
          .run(...Object.values(values))
      }
      raw.exec(`UPDATE sqlite_sequence SET seq = ${rows.length} WHERE name = 'audit'; COMMIT`)
    },
  }
}

/** A file as the version before the chain left it. */
export function oldFile(entries: number): string {
  const file = storeFile()
  const raw = new DatabaseSync(file)
  raw.exec(`${migrations[0]}; PRAGMA user_version = 1; BEGIN`)
  const insert = raw.prepare(
    `INSERT INTO audit (at, caller_id, caller_name, surface, command, operation, decision) VALUES ('2026-11-01T00:00:00.000Z', 'console:local', 'you', 'chat', ?, 'service.restart', 'started')`,
  )
  for (let number = 1; number <= entries; number++) insert.run(`restart old ${number}`)
  raw.exec('COMMIT')
  raw.close()
  return file
}
