/** What a node has of folders, devices and bridges, seen with one command. */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, Shell } from '../ports.ts'
import { lastWords } from './pct.ts'

export type PathKind = 'folder' | 'file' | 'device' | 'other' | 'absent'

export interface PathSeen {
  readonly kind: PathKind
  /** Absent with it. */
  readonly uid?: number
  readonly gid?: number
  /** Octal, as `755`. */
  readonly mode?: string
  /** Mount point of the file system that it is on, or would be made on. */
  readonly on: string
  /** Whether it is a mount point itself. */
  readonly mountPoint: boolean
  /** A mount point of /etc/fstab at it or above it where nothing is mounted: what is written there lands on another disk. */
  readonly unmounted?: string
}

export interface HostSeen {
  readonly paths: Readonly<Record<string, PathSeen>>
  /** By path; null: there is none. `gid` is the group that may use it. */
  readonly devices: Readonly<Record<string, { readonly gid: number; readonly mode: string } | null>>
  /** In order: `vmbr0`. */
  readonly bridges: readonly string[]
}

export interface Wanted {
  readonly paths?: readonly string[]
  readonly devices?: readonly string[]
}

/**
 * Names come as arguments. What is missing is not an error here, so that one answer holds all; a path with a newline in it is
 * refused before. Types come as numbers: their words are in the language of the node.
 */
const script = [
  'stat -L -c "%f|%u|%g|%m|%n" -- "$@" 2>/dev/null',
  'echo --',
  'find -L /sys/class/net -mindepth 1 -maxdepth 2 \\( -name bridge -o -name "vmbr*" \\) 2>/dev/null',
  'echo --',
  'cat /etc/fstab 2>/dev/null',
  'exit 0',
].join('\n')

interface Stat {
  readonly kind: PathKind
  readonly uid: number
  readonly gid: number
  readonly mode: string
  readonly on: string
}

const FORMAT = 0o170_000
const kinds = new Map<number, PathKind>([
  [0o040_000, 'folder'],
  [0o100_000, 'file'],
  [0o020_000, 'device'],
  [0o060_000, 'device'],
])

/** `/a/b` → `/`, `/a`, `/a/b` */
const upTo = (path: string): readonly string[] => {
  const parts = path.split('/').filter(Boolean)
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)]
}

function statsOf(text: string): ReadonlyMap<string, Stat> {
  const found = new Map<string, Stat>()
  for (const line of text.split('\n')) {
    const [, raw, uid, gid, on = '', path] = /^([0-9a-f]+)\|(\d+)\|(\d+)\|([^|]*)\|(.+)$/.exec(line) ?? []
    if (raw === undefined || path === undefined) continue
    const bits = Number.parseInt(raw, 16)
    found.set(path, {
      kind: kinds.get(bits & FORMAT) ?? 'other',
      uid: Number(uid),
      gid: Number(gid),
      mode: (bits & 0o7777).toString(8),
      on,
    })
  }
  return found
}

const decoded = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Mount points of `/etc/fstab`; swap and `none` are none. */
export const fstabTargets = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => decoded(line.split(/\s+/)[1] ?? ''))
    .filter((target) => target.startsWith('/') && target !== '/')

/**
 * Folders, devices and bridges of a node, by one command.
 * @throws HomelabError `usage` for a path that is not absolute, `failed`, and those of the shell
 */
export async function lookAtHost(
  shell: Shell,
  { paths = [], devices = [] }: Wanted,
  options: ExecOptions = {},
): Promise<HostSeen> {
  for (const path of [...paths, ...devices])
    if (!path.startsWith('/') || /[\n\0]/.test(path) || path.split('/').includes('..'))
      throw new HomelabError('usage', `${JSON.stringify(path)} is no absolute path`)
  const asked = [...new Set([...paths.flatMap(upTo), ...devices, '/'])]
  const result = await shell.exec(['sh', '-c', script, 'look', ...asked], { timeoutMs: 30_000, ...options })
  const [stats, bridges, fstab] = result.stdout.split(/^--\n/m)
  if (result.code !== 0 || stats === undefined || bridges === undefined || fstab === undefined)
    throw new HomelabError('failed', `the node could not be looked at: ${lastWords(result)}`, {
      data: { stderr: result.stderr },
    })
  const seen = statsOf(stats)
  const mounts = fstabTargets(fstab)
  return {
    paths: Object.fromEntries(paths.map((path) => [path, pathOf(path, seen, mounts)])),
    devices: Object.fromEntries(
      devices.map((path) => {
        const found = seen.get(path)
        return [path, found?.kind === 'device' ? { gid: found.gid, mode: found.mode } : null]
      }),
    ),
    bridges: bridgesOf(bridges),
  }
}

function pathOf(path: string, seen: ReadonlyMap<string, Stat>, mounts: readonly string[]): PathSeen {
  const above = upTo(path)
  const at = above.at(-1) ?? '/'
  const found = seen.get(at)
  const on = above.findLast((each) => seen.has(each))
  const system = (on === undefined ? undefined : seen.get(on)?.on) ?? '/'
  const missing = mounts.find((mount) => above.includes(mount) && seen.get(mount)?.on !== mount)
  return {
    ...(found === undefined
      ? { kind: 'absent' as const }
      : { kind: found.kind, uid: found.uid, gid: found.gid, mode: found.mode }),
    on: system,
    mountPoint: found !== undefined && found.on === at,
    ...(missing === undefined ? {} : { unmounted: missing }),
  }
}

function bridgesOf(text: string): readonly string[] {
  const names = text.split('\n').flatMap((line) => {
    const [, name] = /^\/sys\/class\/net\/([^/]+)(?:\/bridge)?$/.exec(line) ?? []
    return name === undefined ? [] : [name]
  })
  return [...new Set(names)].toSorted()
}
