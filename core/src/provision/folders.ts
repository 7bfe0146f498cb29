/** Folders of the node that a service's data goes to: made with their owner, and never removed with anything in them. */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, Shell } from '../ports.ts'
import type { Owner } from './idmap.ts'
import { lookAtHost } from './look.ts'
import { checkPath } from './mounts.ts'
import { lastWords } from './pct.ts'

export interface Folder {
  readonly path: string
  /** As the node numbers its users: see `hostOwner`. Default: root. */
  readonly owner?: Owner
  /** Octal. Default 0775. */
  readonly mode?: string
}

/**
 * Makes the folders that are not there, and those above them. One that is there stays as it is, whoever owns it.
 * @returns those that it made, the upper ones first
 * @throws HomelabError `conflict` when a file is in the way, or the disk that they belong on is not mounted; `failed`
 */
export async function makeFolders(
  folders: readonly Folder[],
  shell: Shell,
  options: ExecOptions = {},
): Promise<readonly string[]> {
  const wanted = folders.map((folder) => ({ ...folder, path: checkPath(folder.path) }))
  const above = wanted.flatMap(({ path }) => pathsTo(path))
  const all = [...new Set(above)]
  const { paths } = await lookAtHost(shell, { paths: all }, options)
  const missing = all.filter((path) => {
    const seen = paths[path]
    if (seen?.kind === 'absent') return true
    if (seen?.kind === 'folder') return false
    throw new HomelabError('conflict', `${path} is there, and is no folder`, { data: { path } })
  })
  if (missing.length === 0) return []
  const unmounted = missing.map((path) => paths[path]?.unmounted).find((mount) => mount !== undefined)
  if (unmounted !== undefined)
    throw new HomelabError(
      'conflict',
      `${unmounted} is not mounted: folders made there would be on the wrong disk`,
      {
        hint: `Mount ${unmounted} on the node, then try again.`,
        data: { unmounted },
      },
    )
  const made: string[] = []
  // Upper ones first: the list holds each path after those above it.
  for (const path of missing.toSorted()) {
    const { owner, mode } = wanted.find((folder) => folder.path === path) ?? {}
    const result = await shell.exec(
      [
        ...['install', '-d', '-m', mode ?? (owner === undefined ? '0755' : '0775')],
        ...(owner === undefined ? [] : ['-o', String(owner.uid), '-g', String(owner.gid)]),
        ...['--', path],
      ],
      options,
    )
    if (result.code !== 0)
      throw new HomelabError('failed', `${path} could not be made: ${lastWords(result)}`, {
        data: { path, made, stderr: result.stderr },
      })
    made.push(path)
  }
  const now = await lookAtHost(shell, { paths: made }, options)
  for (const path of made) {
    const owner = wanted.find((folder) => folder.path === path)?.owner
    const seen = now.paths[path]
    if (
      seen?.kind !== 'folder' ||
      (owner !== undefined && (seen.uid !== owner.uid || seen.gid !== owner.gid))
    )
      throw new HomelabError(
        'failed',
        `${path} is not as it was made: ${seen?.kind} of ${seen?.uid}:${seen?.gid}`,
        {
          data: { path, made },
        },
      )
  }
  return made
}

/** Folders that containers of this node have, by their configurations. */
async function mountedFrom(shell: Shell, options: ExecOptions): Promise<readonly string[]> {
  const result = await shell.exec(['grep', '-rhs', '-e', '^mp[0-9][0-9]*:', '/etc/pve/lxc'], options)
  // 1: nothing was found.
  if (result.code !== 0 && result.code !== 1)
    throw new HomelabError('failed', `it could not be seen which folders are in use: ${lastWords(result)}`)
  return result.stdout.split('\n').flatMap((line) => /^mp\d+:\s*(\/[^,]*)/.exec(line)?.[1] ?? [])
}

/** `/a/b` → `/a`, `/a/b` */
export const pathsTo = (path: string): readonly string[] => {
  const parts = path.split('/').filter(Boolean)
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

/**
 * Removes folders again, those that are empty: one with anything in it stays, and so does a mount point.
 * @param paths as `makeFolders` returned them
 * @returns those that are gone now
 * @throws HomelabError those of the shell
 */
export async function removeFolders(
  paths: readonly string[],
  shell: Shell,
  options: ExecOptions = {},
): Promise<readonly string[]> {
  if (paths.length === 0) return []
  const used = await mountedFrom(shell, options)
  const deepest = paths
    .map((path) => checkPath(path))
    // A bind mount does not keep rmdir from it, and whoever has it would write into nothing.
    .filter((path) => !used.some((source) => source === path || source.startsWith(`${path}/`)))
    .toSorted()
    .toReversed()
  // One call each, as rmdir does not go on with the others in every version. Its own refusal is what keeps data.
  for (const path of deepest) await shell.exec(['rmdir', '--', path], options)
  const { paths: seen } = await lookAtHost(shell, { paths: deepest }, options)
  return deepest.filter((path) => seen[path]?.kind === 'absent')
}
