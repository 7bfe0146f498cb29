import type { Generated } from 'kysely'

/** The tables of the bot's own store. JSON is text; times are ISO 8601 in UTC. */
export interface Tables {
  audit: {
    seq: Generated<number>
    at: string
    caller_id: string
    caller_name: string
    surface: string
    command: string
    operation: string
    decision: string
    plan: string | null
    run: string | null
    result: string | null
    channel: string | null
    approval: string | null
    hash: string | null
  }
  history: {
    seq: Generated<number>
    caller: string
    at: string
    text: string
  }
  cards: {
    seq: Generated<number>
    id: string
    surface: string
    channel: string
    run: string | null
    /** A Posted, as JSON. */
    posted: string
  }
  messages: {
    seq: Generated<number>
    card: string
    platform: string
    /** The adapter's own, as JSON. */
    ref: string
  }
  facts: {
    name: string
    value: string
  }
  approvals: {
    seq: Generated<number>
    id: string
    /** A PendingApproval, as JSON. */
    pending: string
  }
  grants: {
    seq: Generated<number>
    id: string
    /** A Grant, as JSON. */
    given: string
    until: string
    ended_at: string | null
    ended_by: string | null
  }
  /** What sources told, until it is worked into the incidents. */
  inbox: {
    seq: Generated<number>
    at: string
    /** Alerts, as JSON. */
    alerts: string
  }
  incidents: {
    id: string
    /** 1 until it is over. */
    open: number
    opened_at: string
    /** An Incident, as JSON. */
    incident: string
  }
  maintenances: {
    id: string
    /** 1 until it is over and what it held back is told. */
    open: number
    /** A Maintenance, as JSON. */
    maintenance: string
  }
}

/** One entry a version, each run once and in order; a released one never changes. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    caller_id TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    surface TEXT NOT NULL,
    command TEXT NOT NULL,
    operation TEXT NOT NULL,
    decision TEXT NOT NULL,
    plan TEXT,
    run TEXT,
    result TEXT
  );
  CREATE TRIGGER audit_is_not_rewritten BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
  END;
  CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only ever added to');
  END;
  CREATE TABLE history (seq INTEGER PRIMARY KEY AUTOINCREMENT, caller TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
  CREATE INDEX history_of_caller ON history (caller, seq);
  CREATE TABLE cards (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    surface TEXT NOT NULL,
    channel TEXT NOT NULL,
    run TEXT,
    posted TEXT NOT NULL
  );
  `,
  `
  ALTER TABLE audit ADD COLUMN channel TEXT;
  ALTER TABLE audit ADD COLUMN approval TEXT;
  ALTER TABLE audit ADD COLUMN hash TEXT;
  CREATE INDEX audit_of_run ON audit (run) WHERE run IS NOT NULL;
  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    card TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL,
    ref TEXT NOT NULL
  );
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE approvals (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, pending TEXT NOT NULL);
  CREATE TABLE grants (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    given TEXT NOT NULL,
    until TEXT NOT NULL,
    ended_at TEXT,
    ended_by TEXT
  );
  `,
  `
  CREATE TABLE inbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, alerts TEXT NOT NULL);
  CREATE TABLE incidents (id TEXT PRIMARY KEY, open INTEGER NOT NULL, opened_at TEXT NOT NULL, incident TEXT NOT NULL);
  CREATE INDEX incidents_by_time ON incidents (open, opened_at);
  CREATE TABLE maintenances (id TEXT PRIMARY KEY, open INTEGER NOT NULL, maintenance TEXT NOT NULL);
  `,
]
