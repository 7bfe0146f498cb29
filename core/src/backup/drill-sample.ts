/** Which files of a snapshot a drill fetches. */
import { HomelabError } from '../errors.ts'
import { type Entry, listFiles } from './listing.ts'
import type { Opened, Place } from './place.ts'
import type { Point } from './point.ts'
import { allOf, evidenceIn, mostPaths, openPaths } from './proofs.ts'
import { isDamage } from './restic/errors.ts'
import { day } from './restore-words.ts'

export const isUnder = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)

export const filesOf = ({ plan }: Place): number => plan.drill?.files ?? 20

/**
 * Some files of a snapshot: those that an earlier drill found something wrong with, and others, each as likely as the other.
 * @throws HomelabError `failed` when it does not hold what its proof says
 */
export async function chooseFiles(
  place: Place,
  { options, restic }: Opened,
  point: Point,
  signal: AbortSignal,
) {
  const { plan, services } = place
  const count = filesOf(place)
  const evidence = evidenceIn(await restic.snapshots(allOf(plan.name), signal), plan.name)
  const again = openPaths(evidence, services.clock.now())
  const folders = [...again]
  const look = async (cache: boolean) => {
    const wanted: Entry[] = []
    const chosen: Entry[] = []
    let seen = 0
    const below = new Map<string, number>()
    const isWanted = (path: string): boolean => {
      if (again.has(path)) return true
      // A folder that cannot be read shows in any of its files, which may be a million.
      const folder = folders.find((one) => isUnder(path, one) && (below.get(one) ?? 0) < mostPaths)
      if (folder !== undefined) below.set(folder, (below.get(folder) ?? 0) + 1)
      return folder !== undefined
    }
    const onFile = (entry: Entry) => {
      // A name that spans lines cannot be told to a shell's line-wise tools.
      const tellable = !/[\n\r]/.test(entry.path)
      if (tellable && isWanted(entry.path)) return void wanted.push(entry)
      seen += 1
      const at = chosen.length < count ? chosen.length : Math.floor(Math.random() * seen)
      if (at < count && tellable) chosen[at] = entry
    }
    const listed = await listFiles(options, point.snapshot, undefined, onFile, signal, { cache })
    return { ...listed, chosen: [...wanted, ...chosen].slice(0, Math.max(count, wanted.length)) }
  }
  const { files, bytes, chosen } = await look(true).catch((error: unknown) => {
    // It may be a cache of ours that is cut.
    if (!isDamage(error)) throw error
    return look(false)
  })
  const proven = point.proven
  if (proven !== undefined && (files > proven.files || bytes !== proven.bytes))
    throw new HomelabError(
      'failed',
      `The snapshot of ${day(point.at)} has ${files} files and ${bytes} bytes; its proof says ${proven.files} and ${proven.bytes}.`,
      {
        hint: 'Do not count on it. `backup verify` reads the repository.',
        data: { reason: 'incomplete' },
      },
    )
  if (chosen.length === 0)
    throw new HomelabError('failed', 'The snapshot has no files.', { data: { reason: 'empty' } })
  return chosen
}
