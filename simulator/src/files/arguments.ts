/** What every program on files does with its arguments, and how it says what it could not do. */
import type { Output } from '../ssh/answer.ts'
import { absent, type Entry, FileError, type Files, file, resolve } from './tree.ts'

export interface Call {
  readonly files: Files
  readonly args: readonly string[]
  readonly stdin: Buffer
  /** By name or number, of `/etc/passwd` and `/etc/group` there. @throws FileError for nobody */
  id(kind: 'user' | 'group', name: string): number
}

export interface Parsed {
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
  readonly rest: readonly string[]
}

/** @param valued letters and long names that take a value */
export function parse(args: readonly string[], valued: readonly string[] = []): Parsed {
  const flags = new Set<string>()
  const values = new Map<string, string>()
  const rest: string[] = []
  let over = false
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? ''
    if (over || !arg.startsWith('-') || arg === '-') rest.push(arg)
    else if (arg === '--') over = true
    else if (arg.startsWith('--')) {
      const [name = '', value] = arg.slice(2).split(/=(.*)/s)
      if (value !== undefined) values.set(name, value)
      else if (valued.includes(name)) {
        index += 1
        values.set(name, args[index] ?? '')
      } else flags.add(name)
    } else
      for (let at = 1; at < arg.length; at += 1) {
        const letter = arg[at] ?? ''
        if (!valued.includes(letter)) {
          flags.add(letter)
          continue
        }
        const joined = arg.slice(at + 1)
        if (joined === '') index += 1
        values.set(letter, joined || (args[index] ?? ''))
        break
      }
  }
  return { flags, values, rest }
}

export type Program = (call: Call, name: string) => Output

/** Each of the paths in turn; what cannot be done for one is said, and the others go on. */
export function each(
  name: string,
  paths: readonly string[],
  work: (path: string) => string | undefined,
): Output {
  let stdout = ''
  let stderr = ''
  for (const path of paths) {
    try {
      stdout += work(path) ?? ''
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      stderr += `${name}: ${path}: ${error.message}\n`
    }
  }
  return { stdout, stderr, code: stderr === '' ? 0 : 1 }
}

export function entryAt(files: Files, path: string, follow = true): Entry {
  const entry = files.get(resolve(files, path, follow))
  if (entry === undefined) throw absent()
  return entry
}

export function contentOf({ files, stdin }: Call, path: string): Buffer {
  if (path === '-' || path === '/dev/stdin') return stdin
  const entry = entryAt(files, path)
  if (entry.kind === 'folder') throw new FileError('Is a directory')
  return entry.content
}

/** Written as a shell writes: what is there keeps its owner and mode. */
export function write(files: Files, path: string, content: Buffer): void {
  const at = resolve(files, path)
  const before = files.get(at)
  if (before?.kind === 'folder') throw new FileError('Is a directory')
  files.put(at, before === undefined ? file(content) : { ...before, content })
}
