/** Routes as files of the directory that Traefik's file provider watches, over a shell. */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, ExecResult, Shell } from '../ports.ts'
import { lookAt, withDuplicates } from './look.ts'
import { checkName, checkRoute } from './names.ts'
import { isOurs, renderRoute } from './route-file.ts'
import type { RouteFile, RoutePlace } from './types.ts'

export interface DirectoryOptions {
  /** Of where Traefik runs: a container, or the node itself. Asked for at every use. */
  readonly shell: (signal?: AbortSignal) => Promise<Shell> | Shell
  /** Absolute, as `/etc/traefik/conf.d`. */
  readonly directory: () => string
}

/** Bytes of all files of the directory together: a thousand routes fit in a fraction of it. */
const MAX_BYTES = 8 * 1024 * 1024
/** Milliseconds of one command. */
const COMMAND_MS = 30_000
/** Folders in folders, as Traefik reads them, too. */
const DEPTH = '5'

/** What `find` is asked to say of a file: its path, what is in it, its path again, and once more when it cannot be read. */
const contents = ['-print0', '(', '-exec', 'cat', '--', '{}', ';', '-print0', '-o', '-print0', '-print0', ')']

export function createDirectory({ shell, directory }: DirectoryOptions): RoutePlace {
  const folder = (): string => {
    const path = directory().replace(/\/+$/, '')
    if (path.startsWith('/') && !path.includes('\0')) return path
    throw new HomelabError('config', `${JSON.stringify(directory())} is no absolute path of a directory.`, {
      hint: 'network.traefik.directory of homelab.yaml is that of providers.file.directory of Traefik: /etc/traefik/conf.d.',
    })
  }
  const pathOf = (name: string): string => {
    checkName(name)
    return `${folder()}/${name}.yml`
  }

  async function run(
    argv: readonly string[],
    signal?: AbortSignal,
    more: ExecOptions = {},
  ): Promise<ExecResult> {
    const where = await shell(signal)
    return await where.exec(argv, {
      timeoutMs: COMMAND_MS,
      ...more,
      ...(signal === undefined ? {} : { signal }),
    })
  }

  async function found(wanted: readonly string[], depth: string, signal?: AbortSignal): Promise<Found[]> {
    const path = folder()
    // With the slash a directory that is a link is followed, as Traefik follows it.
    const argv = [
      'find',
      `${path}/`,
      '-maxdepth',
      depth,
      '(',
      '-type',
      'f',
      '-o',
      '-type',
      'l',
      ')',
      ...wanted,
    ]
    const result = await run([...argv, ...contents], signal, { maxOutputBytes: MAX_BYTES })
    if (result.truncated)
      throw new HomelabError('failed', `The files in ${path} are more than 8 MB together.`, {
        hint: 'Is that the directory of Traefik’s routes? It is network.traefik.directory of homelab.yaml.',
      })
    // It goes on after what it may not look at, and says so at the end: half a list is not shown as a whole one.
    if (result.code !== 0) throw unread(path, result)
    return framed(result.stdout)
  }

  async function files(signal?: AbortSignal): Promise<readonly RouteFile[]> {
    const kinds = ['(', '-iname', '*.yml', '-o', '-iname', '*.yaml', '-o', '-iname', '*.toml', ')']
    const all = (await found(kinds, DEPTH, signal)).map(({ path, text, unreadable }) =>
      unreadable ? { ...lookAt(path, ''), problem: 'cannot be read', freezes: true } : lookAt(path, text),
    )
    // Traefik goes by the names.
    return withDuplicates(all.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
  }

  async function read(name: string, signal?: AbortSignal): Promise<string | undefined> {
    checkName(name)
    const [file] = await found(['-name', `${name}.yml`], '1', signal)
    if (file?.unreadable) throw new HomelabError('failed', `${file.path} is there and cannot be read.`)
    return file?.text
  }

  /** Whole or not at all: the name appears when everything is behind it. `.tmp` is no ending that Traefik looks at. */
  async function write(name: string, text: string, signal?: AbortSignal): Promise<void> {
    const path = pathOf(name)
    const part = `${folder()}/.${name}.yml.tmp`
    const written = await run(['tee', '--', part], signal, { stdin: text })
    // tee says what it has read: a text that was cut on its way is not moved into place.
    if (written.code !== 0 || written.stdout !== text) {
      await discard(part)
      throw refused(`${path} cannot be written`, written)
    }
    const moved = await run(['mv', '-f', '-T', '--', part, path], signal)
    if (moved.code === null)
      throw new HomelabError('unclear', `${path} may be in place or not: mv was ended by a signal.`)
    if (moved.code !== 0) {
      await discard(part)
      throw refused(`${path} cannot be put in place`, moved)
    }
  }

  /** What is left would harm nobody, and the next write takes its place. */
  async function discard(part: string): Promise<void> {
    await run(['rm', '-f', '--', part]).catch(() => undefined)
  }

  async function remove(name: string, signal?: AbortSignal): Promise<void> {
    const path = pathOf(name)
    const now = await read(name, signal)
    if (now === undefined) return
    if (!isOurs(now)) throw notOurs(path)
    const gone = await run(['rm', '-f', '--', path], signal)
    if (gone.code !== 0) throw refused(`${path} cannot be removed`, gone)
  }

  return {
    provider: 'file',
    files,
    read,
    remove,
    async put(route, signal) {
      checkRoute(route)
      const text = renderRoute(route)
      const path = pathOf(route.name)
      const all = await files(signal)
      const there = all.find((file) => file.path === path)
      if (there !== undefined && !there.ours) throw notOurs(path)
      const frozen = all.find((file) => file.freezes && file.path !== path)
      if (frozen !== undefined) throw freezing(frozen)
      const rival = all.find((file) => file.path !== path && file.routers.includes(route.name))
      if (rival !== undefined)
        throw new HomelabError('conflict', `${rival.path} has a router ${route.name} already.`, {
          hint: `Take it out of there, or remove the file.`,
          data: { path: rival.path },
        })
      if (there?.text !== text) await write(route.name, text, signal)
    },
    async restore(name, text, signal) {
      if (text === undefined) return await remove(name, signal)
      if (!isOurs(text)) throw new HomelabError('bug', `What ${name} is to be again was not made by homelab.`)
      const now = await read(name, signal)
      if (now === text) return
      if (now !== undefined && !isOurs(now)) throw notOurs(pathOf(name))
      await write(name, text, signal)
    },
  }
}

interface Found {
  readonly path: string
  readonly text: string
  readonly unreadable: boolean
}

/** @throws HomelabError `failed` for what `find` would not have said */
function framed(stdout: string): Found[] {
  const all: Found[] = []
  let at = 0
  while (at < stdout.length) {
    const end = stdout.indexOf('\0', at)
    const frame = end < 0 ? '' : stdout.slice(at, end + 1)
    const close = frame === '' ? -1 : stdout.indexOf(frame, end + 1)
    if (close < 0)
      throw new HomelabError('failed', 'The list of the files of Traefik ends in the middle. Try again.')
    at = close + frame.length
    const unreadable = stdout.startsWith(frame, at)
    if (unreadable) at += frame.length
    all.push({
      path: frame.slice(0, -1).replaceAll(/\/{2,}/g, '/'),
      text: stdout.slice(end + 1, close),
      unreadable,
    })
  }
  return all
}

const firstLine = (text: string): string => (text.trim().split('\n')[0] ?? '').slice(0, 300)

function unread(path: string, { code, stderr }: ExecResult): HomelabError {
  const said = firstLine(stderr)
  if (code === 127)
    return new HomelabError('config', 'There is no find where Traefik runs.', {
      hint: 'Install findutils in its container.',
    })
  return new HomelabError('config', `${path} cannot be looked through${said === '' ? '' : `: ${said}`}.`, {
    hint: 'network.traefik.directory of homelab.yaml is that of providers.file.directory in the static configuration of Traefik, and it must be there.',
    data: { path, code },
  })
}

const refused = (what: string, { code, stderr }: ExecResult): HomelabError =>
  new HomelabError('failed', `${what}${stderr.trim() === '' ? '' : `: ${firstLine(stderr)}`}.`, {
    hint: 'Nothing has changed. Is there room on its disk, and may it be written to?',
    data: { code },
  })

const notOurs = (path: string): HomelabError =>
  new HomelabError('conflict', `${path} was not made by homelab, and is left as it is.`, {
    hint: 'Rename it, and its router, or take it away, if homelab is to have this route.',
    data: { path },
  })

/** While this file is there, Traefik takes nothing new. */
export const freezing = ({ path, problem }: RouteFile): HomelabError =>
  new HomelabError(
    'conflict',
    `Traefik takes no change at the moment, because it cannot read ${path}: ${problem ?? 'invalid'}.`,
    {
      hint: 'Mend that file first. Until then each change in the directory is ignored, and only the log of Traefik tells.',
      data: { path },
    },
  )
