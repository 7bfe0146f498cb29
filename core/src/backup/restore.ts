/**
 * Putting something back. By default beside what is live: files under another path, a database under another name. Over
 * what is live only when somebody says so, and a database then only as a whole, after a fresh backup.
 */
import { HomelabError } from '../errors.ts'
import { didYouMean } from '../nearest.ts'
import type { Verbs } from '../operation/types.ts'
import { bytes } from '../operation/view.ts'
import type { Clock } from '../ports.ts'
import { askPostgres, liveDatabases, madeName, type PostgresPlan, sourceOfPostgres } from './ask-postgres.ts'
import { baseOf, runDetached, settle } from './detached.ts'
import { type DumpedDatabase, dumpedBy, streamedFrom } from './dumped.ts'
import { type DatabaseRestore, databaseText, type FilesRestore, filesText } from './job/restore-script.ts'
import { type Entry, listFiles } from './listing.ts'
import {
  environmentOf,
  type Machine,
  machineOf,
  type PlanServices,
  type ResticRepository,
  resticOf,
  titleOf,
} from './plan.ts'
import { type Point, pointOf, type Wanted } from './point.ts'
import type { Restic, ResticOptions } from './restic/restic.ts'
import { wordsFor } from './restore-words.ts'
import { backUp, type NamedPlan, randomName } from './run.ts'

export type RestoreServices = PlanServices & { readonly clock: Clock }

/** Live files whose paths are remembered to be compared; with more of them the numbers are upper bounds. */
const compared = 200_000

export interface Place {
  readonly plan: NamedPlan
  readonly repository: ResticRepository
  readonly services: RestoreServices
}

/** @throws HomelabError `config` for a plan without a restic repository, `not-found` for one that it does not use */
export function chooseRepository(
  plan: NamedPlan,
  repositories: readonly ResticRepository[],
  wanted?: string,
): ResticRepository {
  const found =
    wanted === undefined ? repositories[0] : repositories.find(({ name }) => name === wanted.toLowerCase())
  if (found !== undefined) return found
  const names = repositories.map(({ name }) => name)
  if (wanted !== undefined)
    throw new HomelabError(
      'not-found',
      `${titleOf(plan)} has no repository ${wanted}.${didYouMean(wanted, names)}`,
    )
  throw new HomelabError('config', `${titleOf(plan)} has no repository of restic.`)
}

export interface Opened {
  readonly machine: Machine
  readonly restic: Restic
  /** For what takes another form than Restic has. */
  readonly options: ResticOptions
}

export async function openPlace(
  { plan, repository, services }: Place,
  signal?: AbortSignal,
): Promise<Opened> {
  const machine = await machineOf(plan, services, signal)
  return {
    machine,
    restic: await resticOf(repository, machine, services.secrets),
    options: {
      shell: machine.shell,
      binary: repository.binary ?? 'restic',
      secrets: await environmentOf(repository, services.secrets),
      name: titleOf(repository),
      ...(machine.guest === undefined ? {} : { home: '/root' }),
    },
  }
}

export interface FilesWanted extends Wanted {
  readonly path: string
  /** Undefined: beside it. */
  readonly to?: string | undefined
  readonly inplace: boolean
}

export interface FilesFound {
  readonly point: Point
  readonly path: string
  readonly files: number
  readonly bytes: number
  /** Live files that would be overwritten; without `inplace` none. */
  readonly overwrites: { readonly files: number; readonly bytes: number; readonly atMost: boolean }
}

/**
 * Looks what would be restored.
 * @throws HomelabError `usage` for a path that is none, `not-found` when the snapshot does not have it
 */
export async function findFilesToRestore(
  place: Place,
  wanted: FilesWanted,
  signal?: AbortSignal,
): Promise<FilesFound> {
  const { restic, options } = await openPlace(place, signal)
  const path = cleanPath(wanted.path)
  if (wanted.to !== undefined) cleanPath(wanted.to)
  if (wanted.to !== undefined && wanted.inplace)
    throw new HomelabError('usage', 'Either in place or to another path, not both.')
  const point = await pointOf(restic, place.plan, wanted, signal)
  const live = wanted.inplace ? await liveFiles(options, path, signal) : undefined
  const overwrites = { files: 0, bytes: 0, atMost: live?.all === false }
  const seen = (entry: Entry) => {
    const size = live?.sizes.get(entry.path)
    if (size === undefined) return
    overwrites.files += 1
    overwrites.bytes += size
  }
  const found = await listFiles(options, point.snapshot, path, seen, signal)
  if (found.files === 0)
    throw new HomelabError('not-found', `The snapshot of ${day(point.at)} has no files under ${path}.`, {
      hint: `\`backup find ${place.plan.name} <part of a name>\` looks through all of them.`,
    })
  if (live !== undefined && !live.all)
    return { point, path, ...found, overwrites: { files: live.files, bytes: live.bytes, atMost: true } }
  return { point, path, ...found, overwrites }
}

export interface FilesRestored {
  readonly snapshot: string
  readonly at: number
  readonly path: string
  readonly to: string
  readonly files: number
  readonly bytes: number
}

export async function restoreFiles(place: Place, wanted: FilesWanted, verbs: Verbs): Promise<FilesRestored> {
  const { plan, repository, services } = place
  const { machine, restic, options } = await openPlace(place, verbs.signal)
  const prepared = await verbs.step('restore: prepare', async () => {
    const found = await findFilesToRestore(place, { ...wanted, inplace: false }, verbs.signal)
    const run = randomName()
    const { snapshot, at } = found.point
    const { path, files, bytes: size } = found
    return {
      run,
      snapshot,
      at,
      path,
      files,
      bytes: size,
      retryLock: await waitsForLocks(restic, verbs.signal),
    }
  })
  const { run, retryLock, at, ...from } = prepared
  const to = wanted.inplace ? undefined : (wanted.to ?? `${from.path}.restored-${run}`)
  const restore: FilesRestore = { ...from, ...(to === undefined ? {} : { to }) }
  const base = baseOf({
    machine,
    repository,
    plan: plan.name,
    run,
    retryLock,
    secrets: options.secrets,
    // What is saved meanwhile would be half of the old and half of the new.
    lock: wanted.inplace ? plan.name : `${plan.name}.restore`,
  })
  const text = filesText(base, restore)
  const job = {
    verbs,
    clock: services.clock,
    machine,
    base,
    text,
    secrets: options.secrets,
    name: 'restore',
    stages,
  }
  const over = await runDetached(job)
  await settle(
    job,
    over,
    wordsFor({ what: 'restore', plan: plan.name, where: machine.name, repository: titleOf(repository) }),
  )
  return { ...from, at, to: to ?? from.path }
}

export interface DatabaseWanted extends Wanted {
  readonly database: string
  readonly live: boolean
}

export interface DatabaseFound {
  readonly point: Point
  readonly dumped: DumpedDatabase
  /** The one on the server now. */
  readonly live?: { readonly bytes: number; readonly connections: number }
}

export type PostgresPlace = Place & { readonly plan: PostgresPlan & { readonly name: string } }

/** @throws HomelabError `not-found` with the nearest name when it is not in the snapshot */
export async function findDatabaseToRestore(
  place: PostgresPlace,
  wanted: DatabaseWanted,
  signal?: AbortSignal,
): Promise<DatabaseFound> {
  const { machine, restic } = await openPlace(place, signal)
  const point = await pointOf(restic, place.plan, wanted, signal)
  const databases = await dumpedIn(restic, point, signal)
  const dumped = databases.find(({ database }) => database === wanted.database)
  if (dumped === undefined) {
    const names = databases.map(({ database }) => database)
    throw new HomelabError(
      'not-found',
      `The snapshot of ${day(point.at)} has no database "${wanted.database}".${didYouMean(wanted.database, names)}`,
      { hint: `It has ${names.join(', ')}.` },
    )
  }
  const live = (await liveDatabases(machine, place.plan, signal)).find(({ name }) => name === wanted.database)
  return { point, dumped, ...(live === undefined ? {} : { live }) }
}

/** @throws HomelabError `conflict` when nothing says what is in it */
export async function dumpedIn(restic: Restic, point: Point, signal?: AbortSignal) {
  if (point.proven !== undefined) return await dumpedBy(restic, point.proven.proof, signal)
  throw new HomelabError('conflict', 'A dump without a proof has no list of its databases.', {
    hint: 'By hand: `backup kit` has the commands.',
  })
}

export interface DatabaseRestored {
  readonly snapshot: string
  readonly at: number
  readonly database: string
  /** What it is called now. */
  readonly into: string
  /** Where the old one is, which nobody uses any more. */
  readonly before?: string
  readonly bytes: number
}

export async function restoreDatabase(
  place: PostgresPlace,
  wanted: DatabaseWanted,
  verbs: Verbs,
): Promise<DatabaseRestored> {
  const { plan, repository, services } = place
  const { signal } = verbs
  const { machine, restic, options } = await openPlace(place, signal)
  const prepared = await verbs.step('restore: prepare', async () => {
    const { point, dumped, live } = await findDatabaseToRestore(place, wanted, signal)
    const path = point.paths[0]
    if (path === undefined) throw new HomelabError('failed', 'The snapshot does not say what it holds.')
    return {
      run: randomName(),
      snapshot: point.snapshot,
      at: point.at,
      path,
      files: point.proven?.files ?? 0,
      bytes: point.proven?.bytes ?? 0,
      folder: dumped.folder,
      ...streamedFrom(dumped, point),
      size: dumped.bytes,
      there: live !== undefined,
      retryLock: await waitsForLocks(restic, signal),
    }
  })
  const { run, retryLock, at, there, ...from } = prepared
  // What is about to be put aside may be the only copy of the last hours. Without it nothing is begun.
  if (wanted.live && there) await backUp({ plan, repository, services, verbs, init: false })
  const { database } = wanted
  const into = madeName(database, wanted.live ? 'new' : 'restored', run)
  const before = madeName(database, 'before', run)
  const swap = wanted.live && there ? { live: database, before } : undefined
  const restore: DatabaseRestore = {
    ...from,
    postgres: sourceOfPostgres(plan),
    into: wanted.live && !there ? database : into,
    ...(swap === undefined ? {} : { swap }),
  }
  const base = baseOf({
    machine,
    repository,
    plan: plan.name,
    run,
    retryLock,
    secrets: options.secrets,
    lock: wanted.live ? plan.name : `${plan.name}.restore`,
  })
  const text = databaseText(base, restore)
  const job = {
    verbs,
    clock: services.clock,
    machine,
    base,
    text,
    secrets: options.secrets,
    name: 'restore',
    stages,
  }
  const over = await runDetached(job)
  const names = (await liveDatabases(machine, plan, signal)).map(({ name }) => name)
  const isThere =
    swap === undefined ? names.includes(restore.into) : names.includes(before) && names.includes(database)
  // A job that is gone may have come to its end, and one that says so must show it.
  if (over.state.state === 'ended' || !isThere || swap === undefined) {
    if (over.state.state !== 'ended' && restore.into !== database)
      await askPostgres(machine, plan, 'DROP DATABASE IF EXISTS :"name" WITH (FORCE);', {
        name: restore.into,
      }).catch((error: unknown) => verbs.log(`${restore.into} stays: ${String(error)}`))
    await settle(
      job,
      over,
      wordsFor({ what: 'restore', plan: plan.name, where: machine.name, repository: titleOf(repository) }),
    )
  }
  if (!isThere) throw new HomelabError('failed', `The restored database is not on ${machine.name}.`)
  return {
    snapshot: from.snapshot,
    at,
    database,
    into: wanted.live ? database : restore.into,
    ...(swap === undefined ? {} : { before }),
    bytes: from.size,
  }
}

const stages = {
  before: 'getting ready',
  look: 'looking at what there is',
  fetch: 'fetching from the repository',
  read: 'reading the dump to its end',
  roles: 'making the roles that are missing',
  restore: 'restoring the database',
  swap: 'taking the place of the live one',
  place: 'putting it in its place',
  done: 'done',
  after: 'cleaning up',
}

/** @throws HomelabError `usage` */
function cleanPath(path: string): string {
  const clean = path.length > 1 ? path.replace(/\/+$/, '') : path
  if (!clean.startsWith('/') || clean.split('/').includes('..') || /[\0\n]/.test(clean) || clean === '/')
    throw new HomelabError('usage', `"${path}" is not a whole path of a file or folder.`, {
      hint: 'Such as /Apollo/Photos/2024.',
    })
  return clean
}

export async function waitsForLocks(restic: Restic, signal?: AbortSignal): Promise<boolean> {
  const [major, minor] = await restic.version(signal)
  return major > 0 || minor >= 16
}

/** Sizes of what is there now, by path. */
async function liveFiles({ shell }: Pick<ResticOptions, 'shell'>, path: string, signal?: AbortSignal) {
  const sizes = new Map<string, number>()
  let [files, size] = [0, 0]
  // -printf is GNU's, and what Debian and Proxmox have.
  await shell.exec(['find', path, '-type', 'f', '-printf', '%s %p\\n'], {
    timeoutMs: 1_800_000,
    maxOutputBytes: 65_536,
    onLine(line, stream) {
      const space = line.indexOf(' ')
      const one = Number(line.slice(0, space))
      if (stream !== 'stdout' || space <= 0 || Number.isNaN(one)) return
      files += 1
      size += one
      if (sizes.size < compared) sizes.set(line.slice(space + 1), one)
    },
    ...(signal === undefined ? {} : { signal }),
  })
  return { sizes, files, bytes: size, all: files <= compared }
}

/** `2026-11-25 03:00`. */
export const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

export const amount = ({ files, bytes: size }: { readonly files: number; readonly bytes: number }): string =>
  `${files} file${files === 1 ? '' : 's'}, ${bytes(size)}`
