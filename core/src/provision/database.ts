/**
 * A database with a role of its own on the shared PostgreSQL. What is made carries the mark of its run, so that only that is
 * dropped with it; what is there already is never touched. Every function may be called again after any failure.
 */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Shell } from '../ports.ts'
import type { Secret } from '../secret.ts'
import { checkName, checkSpec, commentOf, type DatabaseSpec } from './database-spec.ts'
import {
  databaseSql,
  dropRoleSql,
  Gone,
  goneSql,
  guardSql,
  loginScript,
  lookSql,
  quietSql,
  roleSql,
  Seen,
  schemaSql,
} from './database-sql.ts'
import { type Verdict, verdictOf } from './hba.ts'
import { psql } from './psql.ts'
import { scramVerifier } from './scram.ts'

export { newPassword } from './scram.ts'
export type { DatabaseSpec }

export interface DatabaseLook {
  /** `15.4` */
  readonly version: string
  readonly role: 'absent' | 'there'
  readonly database: 'absent' | 'there'
  /** Of the database. */
  readonly owner?: string
  /** Extensions that the server does not have. */
  readonly missing: readonly string[]
  /** `addresses` as in its settings: `*`, `localhost`, or none. */
  readonly listens: {
    readonly addresses: readonly string[]
    readonly port: number
    /** Whether other guests can reach it: Debian's own setting is this machine only. */
    readonly remote: boolean
  }
  /** Whether pg_hba.conf lets the role in from there. Absent when that was not asked, or cannot be told. */
  readonly login?: Verdict
}

/** What a run made is its own; `any`: whatever has the name, so long as the role owns it. */
export type Whose = string | { readonly any: true }

async function see(
  { name, role }: DatabaseSpec,
  shell: Shell,
  { from, signal }: LookOptions = {},
): Promise<Seen> {
  const said = await psql(shell, {
    sql: lookSql(from),
    values: { name, role, ...(from === undefined ? {} : { from }) },
    ...(signal === undefined ? {} : { signal }),
  })
  return Seen.parse(JSON.parse(said))
}

export interface LookOptions {
  /** An IP address from which the role is to log in. */
  readonly from?: string
  readonly signal?: AbortSignal
}

/** Only reads. @throws HomelabError `unreachable` while PostgreSQL is down, `usage` for names that cannot be */
export async function lookAtDatabase(
  spec: DatabaseSpec,
  shell: Shell,
  options: LookOptions = {},
): Promise<DatabaseLook> {
  checkSpec(spec)
  if (options.from !== undefined && !/^[0-9a-fA-F:.]+$/.test(options.from))
    throw new HomelabError('usage', `${JSON.stringify(options.from)} is no IP address.`)
  const seen = await see(spec, shell, options)
  const addresses = addressesOf(seen)
  const login = seen.rules === null ? undefined : verdictOf(seen.rules)
  return {
    version: seen.version.split(' ')[0] ?? seen.version,
    role: seen.role === null ? 'absent' : 'there',
    database: seen.database === null ? 'absent' : 'there',
    ...(seen.database === null ? {} : { owner: seen.database.owner }),
    missing: (spec.extensions ?? []).filter((each) => !(seen.available ?? []).includes(each)),
    listens: { addresses, port: seen.port, remote: addresses.some((each) => !isLoopback(each)) },
    ...(login === undefined ? {} : { login }),
  }
}

const addressesOf = ({ addresses }: Seen): readonly string[] =>
  addresses
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')

const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || address.startsWith('127.')

/** A database is ours by its own comment, or as one of our role: it is made a moment before it can be marked. */
function oursOf({ role, database }: Seen, spec: DatabaseSpec, mark: string) {
  const comment = commentOf(mark)
  const isRole = role?.comment === comment
  const isDatabase =
    database !== null && database.owner === spec.role && (database.comment === comment || isRole)
  return { role: isRole, database: isDatabase }
}

/** Whether anything of it was made by this run. */
export async function findDatabase(spec: DatabaseSpec, shell: Shell, mark: string): Promise<boolean> {
  checkSpec(spec)
  const ours = oursOf(await see(spec, shell), spec, mark)
  return ours.role || ours.database
}

/**
 * The role may log in but has no password yet, and nobody else gets into the database.
 * @param mark of the run
 * @throws HomelabError `conflict` when the database or the role is there and not of this run, `not-found` for an extension
 * that the server does not have; nothing is made then
 */
export async function makeDatabase(spec: DatabaseSpec, shell: Shell, mark: string): Promise<void> {
  checkSpec(spec)
  const seen = await see(spec, shell)
  refuseForeign(seen, spec, mark)
  const missing = (spec.extensions ?? []).filter((each) => !(seen.available ?? []).includes(each))
  if (missing.length > 0)
    throw new HomelabError('not-found', `PostgreSQL has no extension ${missing.join(', ')}.`, {
      hint: 'Install its package there: apt-get install postgresql-<version>-<extension>.',
    })
  const sql = [
    seen.role === null ? roleSql : '',
    seen.database === null ? databaseSql : '',
    guardSql,
    // The name is of small letters, digits and _ only.
    `\\connect ${spec.name}\n`,
    schemaSql,
    ...(spec.extensions ?? []).map((each) => `CREATE EXTENSION IF NOT EXISTS "${each}" CASCADE;\n`),
  ].join('')
  try {
    await psql(shell, { sql, values: { name: spec.name, role: spec.role, comment: commentOf(mark) } })
  } catch (error) {
    // Somebody may have been faster.
    refuseForeign(await see(spec, shell), spec, mark)
    throw error
  }
}

function refuseForeign(seen: Seen, spec: DatabaseSpec, mark: string): void {
  const ours = oursOf(seen, spec, mark)
  const taken =
    seen.role !== null && !ours.role
      ? `role ${spec.role}`
      : seen.database !== null && !ours.database
        ? `database ${spec.name}`
        : undefined
  if (taken === undefined) return
  throw new HomelabError('conflict', `The ${taken} is there already, and was not made by this run.`, {
    hint: 'Nothing of it was touched. Choose another name, or drop or rename that one first.',
    data: { database: spec.name, role: spec.role },
  })
}

/**
 * Neither the password nor what is kept of it gets into the log of the server.
 * @throws HomelabError `usage` for a password that is not of ASCII, `not-found` without such a role
 */
export async function setPassword(role: string, password: Secret, shell: Shell): Promise<void> {
  checkName(role, 'role')
  const verifier = await scramVerifier(password)
  const sql = `${quietSql}ALTER ROLE :"role" PASSWORD '${verifier.reveal()}';`
  try {
    await psql(shell, { sql, values: { role } })
  } catch (error) {
    if (!isHomelabError(error) || !/role ".*" does not exist/.test(error.message)) throw error
    throw new HomelabError('not-found', `PostgreSQL has no role ${role}.`, { cause: error })
  }
}

/**
 * Logs in over TCP, as the service will.
 * @throws HomelabError `unauthorised` with the words of PostgreSQL, `config` when it listens nowhere or its pg_hba.conf lets
 * nobody in, `unreachable` while it is down
 */
export async function canLogIn(spec: DatabaseSpec, password: Secret, shell: Shell): Promise<void> {
  checkSpec(spec)
  const seen = await see(spec, shell)
  const all = addressesOf(seen)
  const host = all.some((each) => ['*', '0.0.0.0', 'localhost', '127.0.0.1'].includes(each))
    ? '127.0.0.1'
    : all[0]
  if (host === undefined)
    throw new HomelabError(
      'config',
      'PostgreSQL listens on no address: services in other guests cannot reach it.',
      {
        hint: "Set listen_addresses = '*' in its postgresql.conf, and restart it.",
      },
    )
  const argv = ['sh', '-c', loginScript, 'homelab', host === '::' ? '::1' : host, String(seen.port)]
  const result = await shell.exec([...argv, spec.role, spec.name], {
    stdin: "SELECT current_user || ' ' || current_database();",
    secrets: { PGPASSWORD: password },
    timeoutMs: 60_000,
  })
  if (result.code === 0 && result.stdout.trim() === `${spec.role} ${spec.name}`) return
  const said = result.stderr.trim().split('\n').at(-1) ?? ''
  const words = `${spec.role} cannot log in to ${spec.name}: ${said || `exit ${result.code}`}`
  if (!said.includes('FATAL'))
    throw new HomelabError('unreachable', words, {
      hint: '`logs postgresql` says why; `restart postgresql`, then try again.',
    })
  if (/no pg_hba\.conf entry|pg_hba\.conf rejects/.test(said))
    throw new HomelabError('config', words, {
      hint: 'Add a line to its pg_hba.conf, such as: host all all 192.168.1.0/24 scram-sha-256',
    })
  throw new HomelabError('unauthorised', words, { hint: 'A new password is set by doing it again.' })
}

/** What was dropped; a role that other things still belong to stays. */
export interface Dropped {
  readonly database: boolean
  readonly role: boolean
  /** Why the role stays. */
  readonly why?: string
}

/**
 * Ends every session of the database, too.
 * @param whose a mark: what that run made, and nothing else
 * @throws HomelabError `conflict` when `any` is asked for and the database is another role's
 */
export async function dropDatabase(spec: DatabaseSpec, shell: Shell, whose: Whose): Promise<Dropped> {
  checkSpec(spec)
  const seen = await see(spec, shell)
  const ours =
    typeof whose === 'string'
      ? oursOf(seen, spec, whose)
      : { role: seen.role !== null, database: seen.database !== null }
  if (ours.database && seen.database?.owner !== spec.role)
    throw new HomelabError(
      'conflict',
      `The database ${spec.name} belongs to ${seen.database?.owner}, not to ${spec.role}.`,
      {
        hint: `Nothing was dropped. By hand: DROP DATABASE ${spec.name};`,
      },
    )
  if (!ours.database && !ours.role) return { database: false, role: false }
  const sql = [
    ours.database ? 'DROP DATABASE IF EXISTS :"name" WITH (FORCE);\n' : '',
    ours.role ? dropRoleSql : "\\set why ''\n",
    goneSql,
  ].join('')
  const { name, role } = spec
  const after = Gone.parse(JSON.parse(await psql(shell, { sql, values: { name, role } })))
  if (ours.database && after.database)
    throw new HomelabError('failed', `The database ${name} is still there.`)
  return {
    database: ours.database,
    role: ours.role && !after.role,
    ...(after.why === '' ? {} : { why: `${role} has something in ${after.why}, too` }),
  }
}
