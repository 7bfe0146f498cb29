/**
 * The programs that a backup needs for real, on the host and in the containers. What removes or moves files does so
 * below the lab's own folder only: a command meant for the lab must not reach the rest of the machine.
 */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Part, Real } from './real.ts'
import { locate, postgresPrograms } from './tools.ts'

const harmless = [
  ...['awk', 'basename', 'cmp', 'comm', 'dirname', 'du', 'find', 'flock', 'ls', 'mktemp', 'ps', 'readlink'],
  ...['sha256sum', 'stat', 'sync', 'uname', 'xargs'],
]
export const guarded: readonly string[] = [
  'chmod',
  'chown',
  'cp',
  'ln',
  'mkdir',
  'mkfifo',
  'mv',
  'rm',
  'rmdir',
  'touch',
]

export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Relative paths count from where the command stands. */
export const guard = (name: string, path: string, dirs: readonly string[]): string => `#!/bin/sh
refuse() { echo "${name}: $1: not in the simulated lab" >&2; exit 1; }
within() { case $1/ in */../*) return 1 ;; ${dirs.map((dir) => `${quote(dir)}/*`).join(' | ')}) return 0 ;; esac; return 1; }
within "$PWD" && inside=1 || inside=
for arg do
  case $arg in
    -*) ;;
    /dev/null) ;;
    /*) within "$arg" || refuse "$arg" ;;
    */../* | ../* | */.. | ..) refuse "$arg" ;;
    *[!0-9]*) [ -n "$inside" ] || [ "${name}" = chown ] || refuse "$arg" ;;
  esac
done
exec ${quote(path)} "$@"
`

/** Sizes of the lab's disks are made up; of its own folder they are the machine's. */
const df = (fake: string, path: string, dir: string): string => `#!/bin/sh
for arg do case $arg in ${quote(dir)} | ${quote(dir)}/*) exec ${quote(path)} "$@" ;; esac; done
exec ${quote(fake)} "$@"
`

/** A program that waits, at its first use, until what it works on is made. */
const waiting = (part: Part, path: string, { home, ready, socket }: Folders): string => `#!/bin/sh
[ -e ${quote(join(ready, part))} ] || ${quote(join(ready, 'lab-ready'))} ${part} || exit 1
${part === 'postgres' ? `: "\${PGHOST:=${socket}}"; export PGHOST` : ''}
HOME=${quote(home)} exec ${quote(path)} "$@"
`

interface Folders {
  readonly home: string
  /** Marks of what is made, and the program that asks for it. */
  readonly ready: string
  /** Of the server: where programs that are told nothing look for it. */
  readonly socket: string
}

const absent = (name: string, what: string): string => `#!/bin/sh
echo ${quote(`${name} is not on this machine: the backups of the simulated lab are real, and need it (${what})`)} >&2
exit 127
`

/**
 * @param root where programs are: `host` and `container` are filled already
 * @param client the program that asks the simulator
 */
export async function installReal(real: Real, root: string, client: string): Promise<void> {
  const ready = join(root, 'ready')
  const fakes = join(root, 'fake')
  await Promise.all([mkdir(ready), mkdir(fakes)])
  await Promise.all([symlink(client, join(ready, 'lab-ready')), symlink(client, join(fakes, 'df'))])
  const folders = { home: real.home, ready, socket: real.view.postgres.host }
  const scripts = new Map<string, string>()
  for (const name of guarded) {
    const path = locate(name)
    if (path !== undefined) scripts.set(name, guard(name, path, [real.dir, root]))
  }
  scripts.set('df', df(join(fakes, 'df'), locate('df') ?? '/bin/df', real.dir))
  const { restic, postgres } = real.tools
  scripts.set(
    'restic',
    restic === undefined ? absent('restic', 'apt-get install restic') : waiting('restic', restic, folders),
  )
  // Without a server none of its programs: they would find another one of this machine.
  if (postgres !== undefined)
    for (const name of postgresPrograms) scripts.set(name, waiting('postgres', join(postgres, name), folders))
  const fill = async (folder: string): Promise<void> => {
    const at = (name: string) => join(root, folder, name)
    const linked = harmless.map(async (name) => {
      const path = locate(name)
      if (path !== undefined) await symlink(path, at(name))
    })
    const written = [...scripts].map(async ([name, script]) => {
      await rm(at(name), { force: true })
      await writeFile(at(name), script, { mode: 0o755 })
    })
    await Promise.all([...linked, ...written])
  }
  await Promise.all(['host', 'container'].map(fill))
}

/** Answers `lab-ready`: makes the part, and marks it as made. */
export async function makeReady(real: Real, root: string, part: string): Promise<void> {
  if (part !== 'restic' && part !== 'postgres') throw new Error(`${part} is no part of the lab`)
  await real.ready(part)
  await writeFile(join(root, 'ready', part), '')
}
