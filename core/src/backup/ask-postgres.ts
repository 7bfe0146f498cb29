/** Short questions to a PostgreSQL server on the machine of a plan, as the user of the plan. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import type { ExecResult, Shell } from '../ports.ts'
import type { PostgresSource } from './job/postgres-script.ts'
import type { Machine, ResticPlan } from './plan.ts'

export type PostgresPlan = Extract<ResticPlan, { readonly method: 'pg_dump' }>

const script = `
[ -z "$3" ] || export PGHOST="$3"
[ -z "$4" ] || export PGPORT="$4"
export PGAPPNAME=homelab PGCONNECT_TIMEOUT=20
user=$1 database=$2
shift 4
set -- psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "$@"
cd /
[ "$(id -un)" != "$user" ] || exec "$@"
exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"
`

/** Which server is asked, and as whom. */
export type PostgresServer = Pick<PostgresPlan, 'user' | 'host' | 'port'>

export interface Asked {
  readonly sql: string
  /** Default: postgres. */
  readonly database?: string
  /** In the statements as `:'name'`. Not for secrets: they become arguments of psql. */
  readonly values?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** What psql does with it: 0, or 2 without a connection, or 3 for what the server refuses. Columns are separated by `|`. */
export function runPsql(
  shell: Shell,
  { user, host = '', port }: PostgresServer,
  { sql, database = 'postgres', values = {}, signal }: Asked,
): Promise<ExecResult> {
  const variables = Object.entries(values).flatMap(([key, value]) => ['-v', `${key}=${value}`])
  const argv = ['sh', '-c', script, 'homelab', user, database, host, String(port ?? ''), ...variables]
  return shell.exec(argv, {
    stdin: sql,
    timeoutMs: 60_000,
    ...(signal === undefined ? {} : { signal }),
  })
}

/**
 * @param sql may use the values as `:'name'`
 * @returns what it prints, columns separated by `|`
 * @throws HomelabError `failed` with psql's words
 */
export async function askPostgres(
  { shell, name }: Pick<Machine, 'shell' | 'name'>,
  server: PostgresServer,
  sql: string,
  values: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<string> {
  const asked = { sql, values, ...(signal === undefined ? {} : { signal }) }
  const { code, stdout, stderr } = await runPsql(shell, server, asked)
  if (code === 0) return stdout.trimEnd()
  throw new HomelabError('failed', `PostgreSQL on ${name} says: ${stderr.trim() || `exit ${code}`}`, {
    hint: 'Is it running, and may the user of the plan connect?',
  })
}

const LiveDatabase = z.object({ name: z.string(), bytes: z.number(), connections: z.number() })
export type LiveDatabase = z.infer<typeof LiveDatabase>

/** Those that are on the server now. */
export async function liveDatabases(
  machine: Pick<Machine, 'shell' | 'name'>,
  plan: Pick<PostgresPlan, 'user' | 'host' | 'port'>,
  signal?: AbortSignal,
): Promise<readonly LiveDatabase[]> {
  const sql = `SELECT json_build_object('name', datname, 'bytes', pg_catalog.pg_database_size(oid), 'connections',
    (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid))
    FROM pg_catalog.pg_database d WHERE datallowconn AND NOT datistemplate ORDER BY datname;`
  const said = await askPostgres(machine, plan, sql, {}, signal)
  return said
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => LiveDatabase.parse(JSON.parse(line)))
}

export const sourceOfPostgres = ({ user, host, port, jobs, staging }: PostgresPlan): PostgresSource => ({
  kind: 'postgres',
  user,
  jobs,
  staging,
  ...(host === undefined ? {} : { host }),
  ...(port === undefined ? {} : { port }),
})

/** Of a database made by us: never one that somebody could have, and within the 63 bytes of a name. */
export const madeName = (database: string, what: string, run: string): string =>
  `${database.replaceAll(/[^A-Za-z0-9_]/g, '_').slice(0, 40)}_${what}_${run}`
