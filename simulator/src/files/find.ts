import type { Output } from '../ssh/answer.ts'
import type { Call } from './arguments.ts'
import { FileError, resolve } from './tree.ts'

interface Wanted {
  min: number
  max: number
  type: string | undefined
  /** One of these, if any is given. */
  names: RegExp[]
  quit: boolean
}

const pattern = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[\\^$.+()[\]{}|]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  )

const letters = { folder: 'd', file: 'f', device: 'c', link: 'l' } as const

/** `find` with paths, depths, `-type`, `-name` (several are joined by `-o`), `-print` and `-quit`. */
export function find({ files, args }: Call): Output {
  const paths: string[] = []
  const wanted: Wanted = { min: 0, max: 99, type: undefined, names: [], quit: false }
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? ''
    const value = args[index + 1] ?? ''
    if (arg.startsWith('/')) paths.push(arg)
    else if (['-H', '-L', '(', ')', '-o', '-print'].includes(arg)) continue
    else if (arg === '-quit') wanted.quit = true
    else {
      index += 1
      if (arg === '-mindepth') wanted.min = Number(value)
      else if (arg === '-maxdepth') wanted.max = Number(value)
      else if (arg === '-type') wanted.type = value
      else if (arg === '-name') wanted.names.push(pattern(value))
      else return { stderr: `find: unknown predicate \`${arg}'\n`, code: 1 }
    }
  }
  const found: string[] = []
  const walk = (path: string, depth: number): void => {
    const at = resolve(files, path)
    const entry = files.get(at)
    if (entry === undefined) throw new FileError('No such file or directory')
    const name = path.slice(path.lastIndexOf('/') + 1)
    const fits =
      depth >= wanted.min &&
      (wanted.type === undefined || letters[entry.kind] === wanted.type) &&
      (wanted.names.length === 0 || wanted.names.some((each) => each.test(name)))
    if (fits) found.push(path)
    if (entry.kind === 'folder' && depth < wanted.max)
      for (const each of files.names(at)) walk(`${path.replace(/\/$/, '')}/${each}`, depth + 1)
  }
  let stderr = ''
  for (const path of paths) {
    try {
      walk(path, 0)
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      stderr += `find: '${path}': ${error.message}\n`
    }
  }
  const shown = wanted.quit ? found.slice(0, 1) : found
  return { stdout: shown.map((each) => `${each}\n`).join(''), stderr, code: stderr === '' ? 0 : 1 }
}
