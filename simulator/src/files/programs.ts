/** The usual programs that work on files, as far as scripts need them: coreutils, `find` and `grep`. */
import type { Output } from '../ssh/answer.ts'
import { type Call, contentOf, each, entryAt, type Program, parse, write } from './arguments.ts'
import { find } from './find.ts'
import { textPrograms } from './text.ts'
import {
  absent,
  type Entry,
  FileError,
  type Files,
  file,
  folder,
  nameIn,
  normal,
  parentOf,
  resolve,
} from './tree.ts'

export type { Call } from './arguments.ts'

/** Into a folder under its own name, or as that path. */
const target = (files: Files, to: string, from: string): string => {
  const at = resolve(files, to)
  return files.get(at)?.kind === 'folder' ? normal(`${at}/${nameIn(from)}`) : at
}

function copyTree(files: Files, from: string, to: string): void {
  const entry = entryAt(files, from)
  files.put(to, { ...entry, content: Buffer.from(entry.content) })
  for (const name of files.names(from)) copyTree(files, `${from}/${name}`, `${to}/${name}`)
}

function makeFolder(files: Files, path: string, parents: boolean, entry: Entry): void {
  const at = resolve(files, path)
  const there = files.get(at)
  if (there !== undefined) {
    if (parents && there.kind === 'folder') return
    throw new FileError('File exists')
  }
  if (parents && files.get(parentOf(at)) === undefined) makeFolder(files, parentOf(at), true, folder())
  files.put(at, entry)
}

function owners(call: Call, spec: string): { uid?: number; gid?: number } {
  const [user = '', group] = spec.split(/[:.](.*)/s)
  return {
    ...(user === '' ? {} : { uid: call.id('user', user) }),
    ...(group === undefined || group === '' ? {} : { gid: call.id('group', group) }),
  }
}

/** `0755`, or letters as `u+x`. */
function modeOf(text: string, before: number): number {
  if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8)
  return text.split(',').reduce((mode, part) => {
    const [, who = '', sign, what = ''] = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(part) ?? []
    const bits = [...what].reduce((sum, letter) => sum | ({ r: 4, w: 2, x: 1, X: 1 }[letter] ?? 0), 0)
    const places = [...(who === '' || who.includes('a') ? 'ugo' : who)]
    const all = places.reduce((sum, place) => sum | (bits << ({ u: 6, g: 3 }[place] ?? 0)), 0)
    const mask = places.reduce((sum, place) => sum | (7 << ({ u: 6, g: 3 }[place] ?? 0)), 0)
    return sign === '+' ? mode | all : sign === '-' ? mode & ~all : (mode & ~mask) | all
  }, before)
}

function withAll(files: Files, path: string, recursive: boolean, work: (path: string) => void): void {
  const at = resolve(files, path)
  if (files.get(at) === undefined) throw absent()
  work(at)
  if (recursive) for (const name of files.names(at)) withAll(files, `${at}/${name}`, true, work)
}

const types = { folder: 0o040_000, file: 0o100_000, device: 0o020_000, link: 0o120_000 } as const
const words = {
  folder: 'directory',
  file: 'regular file',
  device: 'character special file',
  link: 'symbolic link',
} as const

function statText(files: Files, path: string, format: string, follow: boolean): string {
  const at = resolve(files, path, follow)
  const entry = entryAt(files, path, follow)
  const values: Readonly<Record<string, string>> = {
    n: path,
    F: entry.kind === 'file' && entry.content.length === 0 ? 'regular empty file' : words[entry.kind],
    f: (Number(types[entry.kind]) | entry.mode).toString(16),
    a: entry.mode.toString(8),
    u: String(entry.uid),
    g: String(entry.gid),
    U: entry.uid === 0 ? 'root' : 'UNKNOWN',
    G: entry.gid === 0 ? 'root' : 'UNKNOWN',
    s: String(entry.content.length),
    m: files.mountOf(at),
    Y: '0',
    '%': '%',
  }
  return `${format.replace(/%([a-zA-Z%])/g, (whole, letter: string) => values[letter] ?? whole)}\n`
}

function install(call: Call, name: string): Output {
  const { files } = call
  const { flags, values, rest } = parse(call.args, ['m', 'o', 'g', 't', 'mode', 'owner', 'group'])
  const text = values.get('m') ?? values.get('mode') ?? '755'
  const user = values.get('o') ?? values.get('owner')
  const group = values.get('g') ?? values.get('group')
  const made = (): Entry => ({
    ...folder(
      user === undefined ? 0 : call.id('user', user),
      group === undefined ? 0 : call.id('group', group),
      modeOf(text, 0),
    ),
  })
  if (flags.has('d'))
    return each(name, rest, (path) => {
      const at = resolve(files, path)
      if (files.get(at)?.kind !== 'folder') makeFolder(files, path, true, made())
      else files.change(at, { uid: made().uid, gid: made().gid, mode: made().mode })
      return undefined
    })
  const to = values.get('t') ?? rest.at(-1) ?? ''
  return each(name, values.has('t') ? rest : rest.slice(0, -1), (path) => {
    const content = contentOf(call, path)
    const at = target(files, to, path)
    if (flags.has('D')) makeFolder(files, parentOf(at), true, folder())
    files.put(at, { ...made(), kind: 'file', content: Buffer.from(content) })
    return undefined
  })
}

export const programs: Readonly<Record<string, Program>> = {
  ...textPrograms,
  chgrp: (call, name) => {
    const { flags, rest } = parse(call.args)
    const gid = call.id('group', rest[0] ?? '')
    return each(name, rest.slice(1), (path) => {
      withAll(call.files, path, flags.has('R'), (at) => call.files.change(at, { gid }))
      return undefined
    })
  },
  chmod: (call, name) => {
    const { flags, rest } = parse(call.args)
    return each(name, rest.slice(1), (path) => {
      withAll(call.files, path, flags.has('R'), (at) =>
        call.files.change(at, { mode: modeOf(rest[0] ?? '', call.files.get(at)?.mode ?? 0) }),
      )
      return undefined
    })
  },
  chown: (call, name) => {
    const { flags, rest } = parse(call.args)
    const who = owners(call, rest[0] ?? '')
    return each(name, rest.slice(1), (path) => {
      withAll(call.files, path, flags.has('R'), (at) => call.files.change(at, who))
      return undefined
    })
  },
  cp: (call, name) => {
    const { flags, rest } = parse(call.args)
    return each(name, rest.slice(0, -1), (path) => {
      const to = target(call.files, rest.at(-1) ?? '', path)
      if (path === '/dev/stdin') write(call.files, to, call.stdin)
      else if (entryAt(call.files, path).kind !== 'folder') write(call.files, to, contentOf(call, path))
      else if (flags.has('r') || flags.has('R') || flags.has('a'))
        copyTree(call.files, resolve(call.files, path), to)
      else throw new FileError('-r not specified; omitting directory')
      return undefined
    })
  },
  find,
  install,
  ln: (call, name) => {
    const { flags, rest } = parse(call.args)
    const [to = '', path = ''] = rest
    return each(name, [path], () => {
      const at = normal(path)
      if (call.files.get(at) !== undefined && !flags.has('f')) throw new FileError('File exists')
      if (call.files.get(at) !== undefined) call.files.remove(at)
      call.files.put(at, { ...file(to, 0, 0, 0o777), kind: 'link' })
      return undefined
    })
  },
  ls: (call, name) => {
    const { flags, rest } = parse(call.args)
    return each(name, rest, (path) => {
      const entry = entryAt(call.files, path)
      if (entry.kind !== 'folder' || flags.has('d')) return `${path}\n`
      return call.files
        .names(resolve(call.files, path))
        .filter((each_) => flags.has('a') || flags.has('A') || !each_.startsWith('.'))
        .map((each_) => `${each_}\n`)
        .join('')
    })
  },
  mkdir: (call, name) => {
    const { flags, values, rest } = parse(call.args, ['m', 'mode'])
    const mode = modeOf(values.get('m') ?? values.get('mode') ?? '755', 0)
    return each(name, rest, (path) => {
      makeFolder(call.files, path, flags.has('p') || flags.has('parents'), folder(0, 0, mode))
      return undefined
    })
  },
  mv: (call, name) => {
    const { rest } = parse(call.args)
    return each(name, rest.slice(0, -1), (path) => {
      const from = resolve(call.files, path, false)
      const entry = entryAt(call.files, path, false)
      const to = target(call.files, rest.at(-1) ?? '', path)
      if (entry.kind === 'folder') copyTree(call.files, from, to)
      else call.files.put(to, entry)
      call.files.remove(from)
      return undefined
    })
  },
  readlink: (call, name) => each(name, parse(call.args).rest, (path) => `${resolve(call.files, path)}\n`),
  rm: (call, name) => {
    const { flags, rest } = parse(call.args)
    return each(name, rest, (path) => {
      const at = resolve(call.files, path, false)
      const entry = call.files.get(at)
      if (entry === undefined && flags.has('f')) return undefined
      if (entry === undefined) throw absent()
      if (entry.kind === 'folder' && !flags.has('r') && !flags.has('R')) throw new FileError('Is a directory')
      call.files.remove(at)
      return undefined
    })
  },
  rmdir: (call, name) =>
    each(name, parse(call.args).rest, (path) => {
      const at = resolve(call.files, path, false)
      if (entryAt(call.files, path, false).kind !== 'folder') throw new FileError('Not a directory')
      if (call.files.names(at).length > 0) throw new FileError('Directory not empty')
      if (call.files.mountOf(at) === at) throw new FileError('Device or resource busy')
      call.files.remove(at)
      return undefined
    }),
  stat: (call, name) => {
    const { flags, values, rest } = parse(call.args, ['c', 'format', 'printf'])
    const format = values.get('c') ?? values.get('format') ?? '%n'
    return each(name, rest, (path) => statText(call.files, path, format, flags.has('L')))
  },
  touch: (call, name) =>
    each(name, parse(call.args, ['d', 't', 'r']).rest, (path) => {
      if (call.files.get(resolve(call.files, path)) === undefined) write(call.files, path, Buffer.alloc(0))
      return undefined
    }),
}
