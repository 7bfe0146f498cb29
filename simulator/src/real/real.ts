/** The part of the simulated lab that is real: files, a restic repository, a PostgreSQL and archives, all below one folder. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Contents } from '../lab/homelab.ts'
import type { Guest } from '../lab/model.ts'
import { compressed, tarOf } from './archive.ts'
import { makeFiles } from './files.ts'
import { type Place, placeOf, type Server, startPostgres } from './postgres.ts'
import { findTools, type Missing, type Tools } from './tools.ts'

const run = promisify(execFile)

/** What whoever started the simulator is told of it. */
export interface RealView {
  /** Folders of the simulated host → where they really are. */
  readonly folders: Readonly<Record<string, string>>
  readonly repository: string
  /** A file. */
  readonly password: string
  readonly jobs: string
  readonly staging: string
  readonly postgres: {
    /** Folder of its socket. */
    readonly host: string
    readonly port: number
    readonly user: string
    /** Of the loopback, as it listens with TCP. */
    readonly address: string
    /** A file. */
    readonly log: string
    /** Of its pid, in the first line. */
    readonly pidFile: string
  }
  /** What to install so that all plans run. */
  readonly missing: readonly Missing[]
}

/** What is made when it is asked for first. */
export type Part = 'restic' | 'postgres'

export interface Real {
  readonly dir: string
  /** HOME of every command. */
  readonly home: string
  readonly tools: Tools
  readonly view: RealView
  /** @throws Error when it cannot be made */
  ready(part: Part): Promise<void>
  /** Writes the file that a simulated vzdump leaves. */
  writeArchive(volid: string, guest: Guest, seconds: number): void
  removeArchive(volid: string): void
  /** undefined: there is no such file. */
  archive(volid: string): string | undefined
  close(): Promise<void>
}

const folders = { '/Apollo/Photos': 'photos', '/Apollo/Nextcloud': 'nextcloud' } as const

/** Takes some milliseconds; what takes longer waits until somebody wants it. */
export function openReal(wanted: string): Real {
  mkdirSync(wanted, { recursive: true, mode: 0o700 })
  // What a shell calls the folder that it stands in has no links in it.
  const dir = realpathSync(wanted)
  const at = (name: string): string => join(dir, name)
  // The lab stores nothing: its archives of another time are not known to it any more.
  rmSync(at('dump'), { recursive: true, force: true })
  for (const name of ['home', 'dump', 'jobs', 'staging'])
    mkdirSync(at(name), { recursive: true, mode: 0o700 })
  makeFiles({ photos: at('photos'), nextcloud: at('nextcloud') })
  const password = at('restic-password')
  if (!existsSync(password)) writeNew(password, `${randomBytes(24).toString('base64url')}\n`)
  const tools = findTools()
  const place = placeOf(dir)
  const repository = at('repository')
  const parts = new Map<Part, Promise<unknown>>()
  let server: Promise<Server> | undefined

  async function make(part: Part): Promise<unknown> {
    if (part === 'postgres') {
      if (tools.postgres === undefined) throw new Error('PostgreSQL is not installed')
      server = startPostgres(tools.postgres, place)
      return await server
    }
    if (tools.restic !== undefined && !existsSync(join(repository, 'config')))
      await run(tools.restic, ['init', '--no-cache'], {
        env: { HOME: at('home'), RESTIC_REPOSITORY: repository, RESTIC_PASSWORD_FILE: password },
      })
    return undefined
  }

  const fileOf = (volid: string): string =>
    join(at('dump'), volid.replace(/^.*\//, '').replaceAll(/[^\w.-]/g, '_'))
  return {
    dir,
    home: at('home'),
    tools,
    view: viewOf({ at, repository, password, place, tools }),
    async ready(part) {
      const made = parts.get(part) ?? make(part)
      parts.set(part, made)
      try {
        await made
      } catch (error) {
        // Whoever asks next tries again.
        parts.delete(part)
        throw error
      }
    },
    writeArchive(volid, guest, seconds) {
      const text = Object.entries(guest.config)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join('')
      const name = guest.type === 'lxc' ? './etc/vzdump/pct.conf' : 'qemu-server.conf'
      writeFileSync(fileOf(volid), compressed(volid, tarOf(name, text, seconds)))
    },
    removeArchive: (volid) => rmSync(fileOf(volid), { force: true }),
    archive: (volid) => (existsSync(fileOf(volid)) ? fileOf(volid) : undefined),
    async close() {
      const running = await server?.catch(() => undefined)
      await running?.stop()
    },
  }
}

interface ViewParts {
  readonly at: (name: string) => string
  readonly repository: string
  readonly password: string
  readonly place: Place
  readonly tools: Tools
}

const viewOf = ({ at, repository, password, place, tools }: ViewParts): RealView => ({
  folders: Object.fromEntries(Object.entries(folders).map(([there, here]) => [there, at(here)])),
  repository,
  password,
  jobs: at('jobs'),
  staging: at('staging'),
  postgres: {
    ...{ host: place.folder, port: place.port, user: place.user, address: place.address, log: place.log },
    pidFile: join(place.folder, 'data', 'postmaster.pid'),
  },
  missing: tools.missing,
})

/** Whole or not at all: half a password opens nothing that the whole one made. */
function writeNew(path: string, text: string): void {
  const part = `${path}.part`
  writeFileSync(part, text, { mode: 0o600 })
  chmodSync(part, 0o600)
  renameSync(part, path)
}

/** Bind mounts of the guests lead to where the folders really are. */
export function moveMounts({ guests }: Contents, { view }: Real): void {
  for (const guest of guests)
    for (const [key, value] of Object.entries(guest.config)) {
      const [source = '', ...rest] = value.split(',')
      const real = /^mp\d+$/.test(key) ? view.folders[source] : undefined
      if (real !== undefined) guest.config[key] = [real, ...rest].join(',')
    }
}
