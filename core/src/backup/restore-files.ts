/** Files put back: beside what is live under another path, or over it when somebody says so. */
import { HomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { baseOf, runDetached, settle } from './detached.ts'
import { type FilesRestore, filesText } from './job/restore-script.ts'
import { type Entry, listFiles } from './listing.ts'
import { openPlace, type Place } from './place.ts'
import { titleOf } from './plan.ts'
import { type Point, pointOf, type Wanted } from './point.ts'
import type { ResticOptions } from './restic/restic.ts'
import { day, restoreStages, wordsFor } from './restore-words.ts'
import { randomName } from './run.ts'

/** Live files whose paths are remembered to be compared; with more of them the numbers are upper bounds. */
const compared = 200_000

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
  const point = await pointOf(restic, place.plan, { ...wanted, now: place.services.clock.now() }, signal)
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
  const { machine, options } = await openPlace(place, verbs.signal)
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
    }
  })
  const { run, at, ...from } = prepared
  const to = wanted.inplace ? undefined : (wanted.to ?? `${from.path}.restored-${run}`)
  const restore: FilesRestore = { ...from, ...(to === undefined ? {} : { to }) }
  const base = baseOf({
    machine,
    repository,
    plan: plan.name,
    run,
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
    stages: restoreStages,
  }
  const over = await runDetached(job)
  await settle(
    job,
    over,
    wordsFor({ what: 'restore', plan: plan.name, where: machine.name, repository: titleOf(repository) }),
  )
  return { ...from, at, to: to ?? from.path }
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
