/** What real backups need of the machine that the simulated lab runs on. */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'

/** Debian keeps the server's programs off the PATH, a folder for each major version. */
const debian = '/usr/lib/postgresql'
/** Everybody's PATH has not these. */
const usual = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin']

export interface Tools {
  readonly restic: string | undefined
  /** The folder of initdb, postgres and the clients of the same version. */
  readonly postgres: string | undefined
  readonly missing: readonly Missing[]
}

export interface Missing {
  readonly what: string
  /** What to do about it, for people. */
  readonly how: string
}

/** Where a program is. */
export function locate(name: string): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...usual]) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return undefined
}

export const postgresPrograms = ['psql', 'pg_dump', 'pg_dumpall', 'pg_restore'] as const

function locatePostgres(): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian) : []
  const folders = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(debian, version, 'bin'))
  const whole = ['initdb', 'postgres', ...postgresPrograms]
  return [...folders, ...(process.env.PATH ?? '').split(delimiter)].find((folder) =>
    whole.every((name) => existsSync(join(folder, name))),
  )
}

/** undefined for somebody without a name, as whom PostgreSQL lets nobody in. */
export function userName(): string | undefined {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}

const packages: Readonly<Record<string, string>> = {
  restic: 'restic',
  PostgreSQL: 'postgresql',
  awk: 'mawk',
  find: 'findutils',
  stat: 'coreutils',
}
const missed = (what: string): Missing => ({
  what,
  how: `apt-get install ${packages[what] ?? 'util-linux'}`,
})

export function findTools(): Tools {
  if (process.platform !== 'linux')
    return {
      restic: undefined,
      postgres: undefined,
      missing: [{ what: 'Linux', how: 'jobs stand on its /proc and util-linux' }],
    }
  const restic = locate('restic')
  const postgres = userName() === undefined ? undefined : locatePostgres()
  return {
    restic,
    postgres,
    missing: [
      ...(restic === undefined ? [missed('restic')] : []),
      ...(postgres === undefined ? [missed('PostgreSQL')] : []),
      ...['awk', 'find', 'flock', 'setsid', 'stat'].filter((name) => locate(name) === undefined).map(missed),
    ],
  }
}
