/** Folders of the node in a container: bind mounts, which are root's alone. */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, Shell } from '../ports.ts'
import { mountsOf, option } from '../proxmox/guest-config.ts'
import type { GuestRef } from '../proxmox/types.ts'
import type { Owner } from './idmap.ts'
import { lookAtHost } from './look.ts'
import { configNow, freeKeys, setAndCheck } from './pct.ts'

export interface Mount {
  /** A folder of the node. */
  readonly source: string
  /** Where the container has it. */
  readonly target: string
  readonly readonly?: boolean
  /** As the container numbers its users. */
  readonly owner?: Owner
}

export interface AddedMount {
  /** `mp0` */
  readonly key: string
  readonly source: string
  readonly target: string
}

/** @throws HomelabError `usage` for a path that `pct set` would read as something else */
export function checkPath(path: string, what = 'path'): string {
  const problem = !path.startsWith('/')
    ? 'it does not begin with "/"'
    : /[,\s"'\\]/.test(path)
      ? 'pct takes no comma, blank, quote or backslash in it'
      : path.split('/').some((part) => part === '..' || part === '.')
        ? 'it holds "." or ".."'
        : /\p{Cc}/u.test(path)
          ? 'it holds a control character'
          : path === '/'
            ? 'it is the root itself'
            : undefined
  if (problem !== undefined)
    throw new HomelabError('usage', `${what} ${JSON.stringify(path)} cannot be mounted: ${problem}`)
  return path.replace(/\/+/g, '/').replace(/\/$/, '')
}

const lineOf = ({ source, target, readonly }: Mount): string =>
  `${source},mp=${target}${readonly === true ? ',ro=1' : ''}`

const isReadonly = (line: string): boolean => /^(1|yes|on|true)$/i.test(option(line, 'ro') ?? '')

/** pct may order the options anew. */
function sameLine(wanted: string, now: string): boolean {
  const parts = (line: string) => line.split(',').toSorted().join(',')
  return parts(wanted) === parts(now)
}

/**
 * Mounts what is not mounted yet, in one call; what the container has besides stays.
 * @returns what was added; [] when all was there
 * @throws HomelabError `conflict` when something else is at a target, or the disk of a source is not mounted;
 *   `not-found` for a source that is no folder, `usage` for a path that cannot be written, and those of pct
 */
export async function addMounts(
  guest: GuestRef,
  mounts: readonly Mount[],
  shell: Shell,
  options: ExecOptions = {},
): Promise<readonly AddedMount[]> {
  const wanted = mounts.map((mount) => ({
    ...mount,
    source: checkPath(mount.source),
    target: checkPath(mount.target, 'target'),
  }))
  const twice = wanted.find(
    ({ target }, index) => wanted.findIndex((each) => each.target === target) !== index,
  )
  if (twice !== undefined) throw new HomelabError('usage', `two mounts have the target ${twice.target}`)
  const config = await configNow(guest, shell, options)
  const there = mountsOf('lxc', config)
  const missing = wanted.filter((mount) => {
    const other = there.find(({ target }) => target.replace(/\/$/, '') === mount.target)
    if (other === undefined) return true
    const readonly = isReadonly(config[other.key] ?? '')
    if (other.source === mount.source && readonly === (mount.readonly ?? false)) return false
    throw new HomelabError(
      'conflict',
      `${guest.name} (CT ${guest.vmid}) has ${other.source}${readonly ? ', read-only,' : ''} at ${mount.target} already (${other.key})`,
      {
        hint: `Mount ${mount.source} somewhere else, or take ${other.key} away first.`,
        data: { vmid: guest.vmid, key: other.key, source: other.source, target: mount.target },
      },
    )
  })
  if (missing.length === 0) return []
  const seen = await lookAtHost(shell, { paths: missing.map(({ source }) => source) }, options)
  for (const { source } of missing) {
    const { kind, unmounted } = seen.paths[source] ?? {}
    if (unmounted !== undefined)
      throw new HomelabError(
        'conflict',
        `${unmounted} of ${guest.node} is not mounted: the container would get an empty folder`,
        {
          hint: `Mount ${unmounted} on the node, then try again.`,
          data: { source, unmounted },
        },
      )
    if (kind !== 'folder')
      throw new HomelabError(
        'not-found',
        kind === 'absent'
          ? `${guest.node} has no folder ${source}`
          : `${source} on ${guest.node} is no folder`,
        { hint: 'A container with such a mount does not start. Make the folder first.', data: { source } },
      )
  }
  const keys = freeKeys(config, 'mp', missing.length)
  const added = missing.map(({ source, target }, index) => ({ key: keys[index] ?? '', source, target }))
  await setAndCheck(
    guest,
    Object.fromEntries(missing.map((mount, index) => [keys[index] ?? '', lineOf(mount)])),
    shell,
    { ...options, same: sameLine },
  )
  return added
}
