/** The restic versions that the backups must work with, as scripts/peers.sh has unpacked them. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const runtime = fileURLToPath(new URL('../../.runtime/', import.meta.url))
const binaryIn = (version: string): string => `${runtime}restic/${version}/usr/bin/restic`
const restServer = `${runtime}rest-server/usr/bin/restic-rest-server`
const rclone = `${runtime}rclone/usr/bin/rclone`
const minor = (version: string): number => Number(version.split('.')[1])

/** Those that are there, the oldest first: `['0.14.0', '0.18.0', '0.19.1']`. */
export const resticVersions: readonly string[] = (
  existsSync(`${runtime}restic`) ? readdirSync(`${runtime}restic`) : []
)
  .filter((name) => /^\d+\.\d+\.\d+$/.test(name) && existsSync(binaryIn(name)))
  .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))

/**
 * Where a version is.
 * @param version exact, or its beginning (`0.14`)
 * @throws Error when it is not there
 */
export function resticBinary(version: string): string {
  const found = resticVersions.find((there) => there === version || there.startsWith(`${version}.`))
  if (found === undefined) throw new Error(`no restic ${version}: run scripts/peers.sh`)
  return binaryIn(found)
}

/** @throws Error when it is not there */
export function restServerBinary(): string {
  if (!existsSync(restServer)) throw new Error('no restic-rest-server: run scripts/peers.sh')
  return restServer
}

/** @throws Error when it is not there */
export function rcloneBinary(): string {
  if (!existsSync(rclone)) throw new Error('no rclone: run scripts/peers.sh')
  return rclone
}

/**
 * Whether restic 0.14, 0.18, a newer one, the REST server and rclone are there. In CI a missing one is an error, on a
 * developer's laptop the tests are skipped, with a line that says so.
 */
export function requireRestic(): boolean {
  const missing = [
    ...['0.14', '0.18'].filter((version) => !resticVersions.some((there) => there.startsWith(`${version}.`))),
    // Debian's newest moves on by itself.
    ...(resticVersions.some((there) => minor(there) >= 19) ? [] : ['0.19 or newer']),
    ...(existsSync(restServer) ? [] : ['rest-server']),
    ...(existsSync(rclone) ? [] : ['rclone']),
  ]
  if (missing.length === 0) return true
  const text = `restic ${missing.join(', ')} not there: scripts/peers.sh brings them`
  if (process.env.CI) throw new Error(text)
  console.warn(`SKIPPED: ${text}`)
  return false
}

export interface ResticResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ResticOptions {
  /** A folder, or `rest:http://…`. */
  readonly repository: string
  /** Default `password`. */
  readonly password?: string
  /** A folder for its cache. Default: none is kept. */
  readonly cache?: string
  /** What its backend wants besides. */
  readonly env?: Readonly<Record<string, string>>
}

/** One restic on one repository, apart from the settings of whoever runs the tests. A failure is its exit code. */
export function openRestic(
  version: string,
  { repository, password = 'password', cache, env: more = {} }: ResticOptions,
): (args: readonly string[]) => Promise<ResticResult> {
  const binary = resticBinary(version)
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: password,
    ...(cache !== undefined && { RESTIC_CACHE_DIR: cache }),
    ...more,
  }
  const options = cache === undefined ? ['--no-cache'] : []
  return (args) =>
    new Promise((resolve, reject) => {
      execFile(binary, [...options, ...args], { env, maxBuffer: 64 * 1024 ** 2 }, (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr })
        else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr })
        else reject(error)
      })
    })
}
