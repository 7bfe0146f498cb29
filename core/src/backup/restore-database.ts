/** A database put back: beside the live one under another name, or in its place, then as a whole and after a fresh backup. */
import { HomelabError } from '../errors.ts'
import { didYouMean } from '../nearest.ts'
import type { Verbs } from '../operation/types.ts'
import { askPostgres, liveDatabases, madeName, type PostgresPlan, sourceOfPostgres } from './ask-postgres.ts'
import { baseOf, runDetached, settle } from './detached.ts'
import { type DumpedDatabase, dumpedBy, streamedFrom } from './dumped.ts'
import { type DatabaseRestore, databaseText } from './job/restore-script.ts'
import { openPlace, type Place } from './place.ts'
import { titleOf } from './plan.ts'
import { type Point, pointOf, type Wanted } from './point.ts'
import type { Restic } from './restic/restic.ts'
import { day, restoreStages, wordsFor } from './restore-words.ts'
import { backUp, randomName } from './run.ts'

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
  const point = await pointOf(restic, place.plan, { ...wanted, now: place.services.clock.now() }, signal)
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
  const { machine, options } = await openPlace(place, signal)
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
    }
  })
  const { run, at, there, ...from } = prepared
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
    stages: restoreStages,
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
