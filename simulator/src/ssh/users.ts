/** Users and groups of a container, as its own files have them. */
import { FileError, file, folder, parentOf } from '../files/tree.ts'
import type { Inside } from '../files/world.ts'
import type { Output } from './answer.ts'
import { fail } from './answer.ts'
import type { SystemCall } from './system.ts'

export const read = ({ files }: Inside, path: string): string => files.get(path)?.content.toString() ?? ''

/** Makes the folders above it, too. */
export function putFile({ files }: Inside, path: string, text: string | Buffer): void {
  const make = (at: string): void => {
    if (files.get(at) !== undefined) return
    make(parentOf(at))
    files.put(at, folder())
  }
  make(parentOf(path))
  files.put(path, file(text))
}

const append = (inside: Inside, path: string, line: string): void =>
  putFile(inside, path, `${read(inside, path)}${line}\n`)

const rows = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(':'))

/** By name or number. @throws FileError for nobody */
export function idIn(inside: Inside, kind: 'user' | 'group', name: string): number {
  if (/^\d+$/.test(name)) return Number(name)
  const row = rows(read(inside, kind === 'user' ? '/etc/passwd' : '/etc/group')).find(
    ([each]) => each === name,
  )
  if (row === undefined) throw new FileError(`invalid ${kind}: '${name}'`)
  return Number(row[2])
}

const freeId = (inside: Inside, path: string, system: boolean): number => {
  const taken = new Set(rows(read(inside, path)).map(([, , number]) => Number(number)))
  let number = system ? 999 : 1000
  while (taken.has(number)) number += system ? -1 : 1
  return number
}

export const option = (args: readonly string[], ...names: readonly string[]): string | undefined => {
  for (const [index, arg] of args.entries()) {
    if (names.includes(arg)) return args[index + 1]
    const [name = '', value] = arg.split(/=(.*)/s)
    if (value !== undefined && names.includes(name)) return value
  }
  return undefined
}
const isSystem = (args: readonly string[]): boolean => args.includes('-r') || args.includes('--system')

export function groupadd({ inside, args }: SystemCall): Output {
  const name = args.at(-1) ?? ''
  if (rows(read(inside, '/etc/group')).some(([each]) => each === name))
    return fail(`groupadd: group '${name}' already exists`, 9)
  const gid = option(args, '-g', '--gid') ?? String(freeId(inside, '/etc/group', isSystem(args)))
  append(inside, '/etc/group', `${name}:x:${gid}:`)
  return {}
}

export function useradd({ inside, args }: SystemCall): Output {
  const name = args.at(-1) ?? ''
  if (rows(read(inside, '/etc/passwd')).some(([each]) => each === name))
    return fail(`useradd: user '${name}' already exists`, 9)
  const uid = option(args, '-u', '--uid') ?? String(freeId(inside, '/etc/passwd', isSystem(args)))
  if (rows(read(inside, '/etc/passwd')).some(([, , each]) => each === uid))
    return fail(`useradd: UID ${uid} is not unique`, 4)
  const group = option(args, '-g', '--gid')
  const gid = group === undefined ? Number(uid) : idIn(inside, 'group', group)
  if (group === undefined) append(inside, '/etc/group', `${name}:x:${gid}:`)
  const home = option(args, '-d', '--home-dir', '--home') ?? `/home/${name}`
  append(
    inside,
    '/etc/passwd',
    `${name}:x:${uid}:${gid}::${home}:${option(args, '-s', '--shell') ?? '/bin/sh'}`,
  )
  if ((args.includes('-m') || args.includes('--create-home')) && inside.files.get(home) === undefined) {
    putFile(inside, `${home}/.profile`, '')
    inside.files.change(home, { uid: Number(uid), gid })
  }
  return {}
}

export function usermod({ inside, args }: SystemCall): Output {
  const name = args.at(-1) ?? ''
  idIn(inside, 'user', name)
  const groups = (option(args, '-aG', '-G', '--groups') ?? '').split(',').filter(Boolean)
  const lines = rows(read(inside, '/etc/group')).map(([group = '', x = 'x', gid = '', members = '']) => {
    const all = new Set(members.split(',').filter(Boolean))
    if (groups.includes(group)) all.add(name)
    return [group, x, gid, [...all].join(',')].join(':')
  })
  const missing = groups.find((group) => !rows(read(inside, '/etc/group')).some(([each]) => each === group))
  if (missing !== undefined) return fail(`usermod: group '${missing}' does not exist`, 6)
  putFile(inside, '/etc/group', `${lines.join('\n')}\n`)
  return {}
}

export function id({ inside, args }: SystemCall): Output {
  const name = args.find((arg) => !arg.startsWith('-')) ?? 'root'
  const row = rows(read(inside, '/etc/passwd')).find(([each, , uid]) => each === name || uid === name)
  if (row === undefined) return fail(`id: '${name}': no such user`)
  const [user = '', , uid = '', gid = ''] = row
  if (args.includes('-u')) return { stdout: `${uid}\n` }
  if (args.includes('-g')) return { stdout: `${gid}\n` }
  return { stdout: `uid=${uid}(${user}) gid=${gid} groups=${gid}\n` }
}

export function getent({ inside, args: [database = '', key] }: SystemCall): Output {
  if (database === 'hosts')
    return { stdout: `${key === 'localhost' ? '127.0.0.1' : '192.0.2.1'} ${key ?? ''}\n` }
  const lines = read(inside, `/etc/${database}`).split('\n').filter(Boolean)
  const found = lines.filter(
    (line) => key === undefined || line.split(':')[0] === key || line.split(':')[2] === key,
  )
  return found.length === 0 ? { code: 2 } : { stdout: `${found.join('\n')}\n` }
}
