/** Programs that read and write what is in files. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { Output } from '../ssh/answer.ts'
import { type Call, contentOf, each, type Program, parse, write } from './arguments.ts'
import { FileError, resolve } from './tree.ts'

function grep(call: Call): Output {
  const { flags, values, rest } = parse(call.args, ['e', 'm', 'regexp', 'include'])
  const given = values.get('e') ?? values.get('regexp')
  const [pattern = '', ...paths] = given === undefined ? rest : [given, ...rest]
  const text = flags.has('F') ? pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : pattern
  const regex = new RegExp(flags.has('x') ? `^(?:${text})$` : text, flags.has('i') ? 'i' : '')
  const ending = values.get('include')?.replace(/^\*/, '') ?? ''
  const deep = flags.has('r') || flags.has('R')
  const filesOf = (path: string): readonly string[] => {
    const at = resolve(call.files, path)
    if (call.files.get(at)?.kind !== 'folder' || !deep) return path.endsWith(ending) || !deep ? [path] : []
    return call.files.names(at).flatMap((name) => filesOf(`${path.replace(/\/$/, '')}/${name}`))
  }
  let found = 0
  const label = (path: string) => (!flags.has('h') && (deep || paths.length > 1) ? `${path}:` : '')
  const output = each('grep', paths.flatMap(filesOf), (path) => {
    const lines = contentOf(call, path).toString().replace(/\n$/, '').split('\n')
    const hits = lines.filter((line) => regex.test(line) !== flags.has('v'))
    found += hits.length
    if (flags.has('q') || hits.length === 0) return undefined
    if (flags.has('l')) return `${path}\n`
    if (flags.has('c')) return `${label(path)}${hits.length}\n`
    return hits.map((line) => `${label(path)}${line}\n`).join('')
  })
  const code = output.code !== 0 && found === 0 ? 2 : found > 0 ? 0 : 1
  return { ...output, stderr: flags.has('s') ? '' : (output.stderr ?? ''), code }
}

/** `[` and `test`, with one operator. */
function test({ files, args }: Call): Output {
  const words_ = args.at(-1) === ']' ? args.slice(0, -1) : args
  const not = words_[0] === '!'
  const [operator = '', path = ''] = not ? words_.slice(1) : words_
  const at = files.get(resolve(files, path, operator !== '-L' && operator !== '-h'))
  const checks: Readonly<Record<string, boolean>> = {
    '-e': at !== undefined,
    '-f': at?.kind === 'file',
    '-d': at?.kind === 'folder',
    '-c': at?.kind === 'device',
    '-L': at?.kind === 'link',
    '-h': at?.kind === 'link',
    '-s': (at?.content.length ?? 0) > 0,
    '-r': at !== undefined,
    '-w': at !== undefined,
    '-x': at !== undefined && (at.kind === 'folder' || (at.mode & 0o111) !== 0),
  }
  const holds = checks[operator]
  if (holds === undefined) return { stderr: `test: ${operator}: not simulated\n`, code: 2 }
  return { code: holds !== not ? 0 : 1 }
}

const lines = (content: Buffer, count: number, fromEnd: boolean): string => {
  const all = content.toString().split(/(?<=\n)/)
  return (fromEnd ? (count === 0 ? [] : all.slice(-count)) : all.slice(0, count)).join('')
}

function part(call: Call, name: string): Output {
  const { values, rest } = parse(
    call.args.map((arg) => arg.replace(/^-(\d+)$/, '-n$1')),
    ['n', 'c', 'lines', 'bytes'],
  )
  const bytes = values.get('c') ?? values.get('bytes')
  const count = Number(values.get('n') ?? values.get('lines') ?? 10)
  return each(name, rest, (path) => {
    const content = contentOf(call, path)
    if (bytes === undefined) return lines(content, count, name === 'tail')
    if (bytes.startsWith('+')) return content.subarray(Number(bytes) - 1).toString()
    const end = Number(bytes)
    return (
      name === 'tail' ? content.subarray(Math.max(0, content.length - end)) : content.subarray(0, end)
    ).toString()
  })
}

/** With `-i`, by the machine's own, which is kept from files and programs. */
function sed(call: Call, name: string): Output {
  const { rest } = parse(call.args.filter((arg) => arg !== '-E' && arg !== '-r'))
  const [script = '', ...paths] = rest
  const kinds = call.args.filter((arg) => arg === '-E' || arg === '-r')
  return each(name, paths, (path) => {
    const args = ['--sandbox', ...kinds, '-e', script]
    const { stdout, stderr, status } = spawnSync('sed', args, { input: contentOf(call, path) })
    if (status !== 0) throw new FileError(stderr.toString().trim())
    write(call.files, path, stdout)
    return undefined
  })
}

export const textPrograms: Readonly<Record<string, Program>> = {
  cat: (call, name) => each(name, parse(call.args).rest, (path) => contentOf(call, path).toString()),
  grep,
  head: part,
  sed,
  sha256sum: (call, name) =>
    each(
      name,
      parse(call.args).rest,
      (path) => `${createHash('sha256').update(contentOf(call, path)).digest('hex')}  ${path}\n`,
    ),
  tail: part,
  tee: (call, name) => {
    const { flags, rest } = parse(call.args)
    const output = each(name, rest, (path) => {
      const before = flags.has('a') ? (call.files.get(resolve(call.files, path))?.content ?? '') : ''
      write(call.files, path, Buffer.concat([Buffer.from(before), call.stdin]))
      return undefined
    })
    return { ...output, stdout: call.stdin.toString() }
  },
  test,
  '[': test,
  wc: (call, name) => {
    const { flags, rest } = parse(call.args)
    return each(name, rest, (path) => {
      const content = contentOf(call, path)
      const count = flags.has('c') ? content.length : content.toString().split('\n').length - 1
      return `${count} ${path}\n`
    })
  },
}
