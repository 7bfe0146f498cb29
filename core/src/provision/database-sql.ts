/** What the shared PostgreSQL is asked and told. Values are psql's own variables: `:'name'`, `:'role'`, `:'comment'`. */
import { z } from 'zod'
import { loginSql, Rule } from './hba.ts'

export const Seen = z.object({
  version: z.string(),
  role: z.object({ comment: z.string().nullable() }).nullable(),
  database: z.object({ owner: z.string(), comment: z.string().nullable() }).nullable(),
  available: z.array(z.string()).nullable(),
  addresses: z.string(),
  port: z.number(),
  rules: z.array(Rule).nullable(),
})
export type Seen = z.infer<typeof Seen>

export const lookSql = (from: string | undefined): string => `SELECT json_build_object(
  'version', current_setting('server_version'),
  'role', (SELECT json_build_object('comment', shobj_description(oid, 'pg_authid')) FROM pg_authid WHERE rolname = :'role'),
  'database', (SELECT json_build_object('owner', pg_get_userbyid(datdba), 'comment', shobj_description(oid, 'pg_database'))
    FROM pg_database WHERE datname = :'name'),
  'available', (SELECT json_agg(name) FROM pg_available_extensions),
  'addresses', current_setting('listen_addresses'),
  'port', current_setting('port')::int,
  'rules', ${from === undefined ? 'NULL' : loginSql});`

/** With its mark, or not at all. */
export const roleSql = `BEGIN;
CREATE ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
COMMENT ON ROLE :"role" IS :'comment';
COMMIT;
`

/** From the empty template: the other one has the encoding of whatever installed the server. */
export const databaseSql = `CREATE DATABASE :"name" OWNER :"role" TEMPLATE template0 ENCODING 'UTF8';
`

export const guardSql = `COMMENT ON DATABASE :"name" IS :'comment';
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
`

/** Before version 15 everybody may write into the schema `public`, and the owner of the database does not own it. */
export const schemaSql = `REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO :"role";
`

export const quietSql = `SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_duration_sample = -1;
SET log_transaction_sample_rate = 0;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track_utility = off;
`

export const loginScript = `
export PGAPPNAME=homelab PGCONNECT_TIMEOUT=20 PGPASSFILE=/nonexistent
cd /
exec psql -XqAtw -v ON_ERROR_STOP=1 -h "$1" -p "$2" -U "$3" -d "$4"
`

export const Gone = z.object({ why: z.string(), database: z.boolean(), role: z.boolean() })

export const goneSql = `SELECT json_build_object('why', :'why',
  'database', EXISTS (SELECT FROM pg_database WHERE datname = :'name'),
  'role', EXISTS (SELECT FROM pg_roles WHERE rolname = :'role'));`

/** A role that other databases have something of stays. */
export const dropRoleSql = `SELECT coalesce(string_agg(DISTINCT coalesce(d.datname, 'the server itself'), ', '), '') AS why,
  count(*) = 0 AS free
  FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = CASE WHEN s.dbid = 0 AND s.classid = 'pg_database'::regclass
    THEN s.objid ELSE s.dbid END
  WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = (SELECT oid FROM pg_authid WHERE rolname = :'role') \\gset
\\if :free
DROP ROLE IF EXISTS :"role";
\\endif
`
