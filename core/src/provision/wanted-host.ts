/** What a blueprint wants of the node itself, folders and devices, as far as they are there. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Shell } from '../ports.ts'
import type { Blueprint } from './blueprint.ts'
import { type Device, devicesOf } from './devices.ts'
import { pathsTo } from './folders.ts'
import { type HostSeen, lookAtHost } from './look.ts'
import type { Found, ProvisionServices } from './types.ts'

/** @returns those that have to be made. @throws HomelabError `conflict`, `not-found` */
export function foldersOf(
  { mounts }: Blueprint,
  host: HostSeen | undefined,
  node: string,
): readonly string[] {
  const all = mounts.flatMap(({ source }) => {
    const seen = host?.paths[source]
    if (seen?.unmounted !== undefined)
      throw new HomelabError(
        'conflict',
        `${seen.unmounted} is not mounted on ${node}, so ${source} is not there.`,
        {
          hint: `Mount it on the node, then try again: what is written there now would be on another disk.`,
          data: { path: source, unmounted: seen.unmounted },
        },
      )
    if (seen === undefined || seen.kind === 'folder') return []
    if (seen.kind !== 'absent')
      throw new HomelabError('conflict', `${source} on ${node} is no folder.`, { data: { path: source } })
    // A folder at the top would land on the system's own disk.
    if (seen.on === '/')
      throw new HomelabError('not-found', `${node} has no folder ${source}.`, {
        hint: 'Make it, or write a blueprint of your own with where it is: docs/blueprints.md.',
        data: { path: source },
      })
    // With those above it that would be made for it.
    return pathsTo(source).filter((path) => host?.paths[path]?.kind === 'absent')
  })
  return [...new Set(all)]
}

/** Whose a device is inside the container, by the names of its system. */
interface Groups {
  readonly render?: number
  readonly video?: number
}

/** As Debian 12 numbers them. */
const usual = { render: 104, video: 44 }

const groupOf = (path: string, groups: Groups = {}): { readonly gid?: number } => {
  const { render, video } = { ...usual, ...groups }
  return /^\/dev\/dri\/render/.test(path)
    ? { gid: render }
    : /^\/dev\/dri\/card/.test(path)
      ? { gid: video }
      : {}
}

/** Debian 13 and Ubuntu number them otherwise. What a container does not say, or one that stands still, is left out. */
export async function groupsIn(shell: Shell, signal: AbortSignal): Promise<{ [name: string]: number }> {
  try {
    const { stdout } = await shell.exec(['getent', 'group', 'render', 'video'], { signal, timeoutMs: 30_000 })
    const lines = [...stdout.matchAll(/^(render|video):[^:\n]*:(\d+):/gm)]
    return Object.fromEntries(lines.map(([, name = '', gid]) => [name, Number(gid)]))
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return {}
  }
}

export const withGroups = (devices: Found['devices'], groups: Groups): Found['devices'] =>
  devices.map((device) => ({ ...device, ...groupOf(device.path, groups) }))

/** @throws HomelabError `not-found` for what the node does not have */
export async function devicesFor(
  { gpu }: Blueprint,
  node: string,
  { shells }: ProvisionServices,
  signal: AbortSignal,
): Promise<Found['devices']> {
  if (gpu === undefined) return []
  const shell = shells.host(node)
  const orWithout = (error: unknown): never => {
    if (!isHomelabError(error) || error.code !== 'not-found') throw error
    throw new HomelabError('not-found', error.message, {
      hint: `${error.hint ?? ''} Or go without: \`gpu:false\`.`.trim(),
      data: { node },
      cause: error,
    })
  }
  if (typeof gpu === 'string')
    return (await devicesOf(gpu, shell, { signal }).catch(orWithout)).map(({ path }) => ({
      path,
      ...groupOf(path),
    }))
  const { devices } = await lookAtHost(shell, { devices: gpu.map(({ path }) => path) }, { signal })
  const absent = gpu.find(({ path }) => devices[path] == null)
  if (absent !== undefined) orWithout(new HomelabError('not-found', `${node} has no device ${absent.path}.`))
  return gpu.map(({ path, uid, gid }) => ({ path, ...plain({ uid, gid }) }))
}

const plain = (device: {
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}): Omit<Device, 'path'> =>
  Object.fromEntries(Object.entries(device).filter(([, value]) => value !== undefined))
