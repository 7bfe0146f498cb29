/** Files of the node and of its containers: in memory, with owners, and nothing of the machine that it runs on. */

export type Kind = 'folder' | 'file' | 'device' | 'link'

export interface Entry {
  readonly kind: Kind
  uid: number
  gid: number
  /** The lowest twelve bits. */
  mode: number
  /** Of a file; of a link where it leads. */
  content: Buffer
}

/** What a shell says of it: `mkdir: …: File exists`. */
export class FileError extends Error {}

export const absent = (): FileError => new FileError('No such file or directory')

export const parentOf = (path: string): string => path.replace(/\/[^/]*$/, '') || '/'
export const nameIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** Without `.`, `..` and doubled slashes. */
export function normal(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

export const folder = (uid = 0, gid = 0, mode = 0o755): Entry => ({
  kind: 'folder',
  uid,
  gid,
  mode,
  content: Buffer.alloc(0),
})
export const file = (content: Buffer | string, uid = 0, gid = 0, mode = 0o644): Entry => ({
  kind: 'file',
  uid,
  gid,
  mode,
  content: Buffer.from(content),
})
export const device = (gid = 0, mode = 0o660): Entry => ({ ...folder(0, gid, mode), kind: 'device' })

/** Where programs work: a tree, or what looks like one. Every path is normal. */
export interface Files {
  /** undefined: there is none. */
  get(path: string): Entry | undefined
  /** Names in a folder, in order. */
  names(path: string): readonly string[]
  /** In place of what is there. @throws FileError */
  put(path: string, entry: Entry): void
  /** With all below it. @throws FileError */
  remove(path: string): void
  /** What its owner and mode are from now on. @throws FileError */
  change(path: string, what: { readonly uid?: number; readonly gid?: number; readonly mode?: number }): void
  /** Mount point of the file system that it is on. */
  mountOf(path: string): string
}

export class Tree implements Files {
  readonly #entries = new Map<string, Entry>([['/', folder()]])

  constructor(folders: readonly string[] = [], files: Readonly<Record<string, string>> = {}) {
    for (const path of folders) this.#make(path)
    for (const [path, text] of Object.entries(files)) {
      this.#make(parentOf(path))
      this.put(path, file(text))
    }
  }

  #make(path: string): void {
    if (this.#entries.has(path)) return
    this.#make(parentOf(path))
    this.#entries.set(path, folder())
  }

  get(path: string): Entry | undefined {
    return this.#entries.get(path)
  }

  names(path: string): readonly string[] {
    const found = new Set<string>()
    const below = path === '/' ? '/' : `${path}/`
    for (const each of this.#entries.keys())
      if (each !== '/' && each.startsWith(below)) found.add(each.slice(below.length).split('/')[0] ?? '')
    return [...found].toSorted()
  }

  put(path: string, entry: Entry): void {
    const parent = this.#entries.get(parentOf(path))
    if (parent === undefined) throw absent()
    if (parent.kind !== 'folder') throw new FileError('Not a directory')
    if (entry.kind !== 'folder' && this.#entries.get(path)?.kind === 'folder')
      throw new FileError('Is a directory')
    this.#entries.set(path, entry)
  }

  remove(path: string): void {
    for (const each of this.#entries.keys())
      if (each === path || each.startsWith(`${path}/`)) this.#entries.delete(each)
  }

  change(path: string, what: { readonly uid?: number; readonly gid?: number; readonly mode?: number }): void {
    const entry = this.get(path)
    if (entry === undefined) throw absent()
    Object.assign(entry, what)
  }

  mountOf(_path: string): string {
    return '/'
  }
}

/** Follows links, also those on the way. @param last false: the path's own link stays one */
export function resolve(files: Files, path: string, last = true): string {
  let at = normal(path)
  for (let hops = 0; hops < 20; hops += 1) {
    const parts = at.split('/').filter(Boolean)
    const index = parts.findIndex((_, count) => {
      const before = `/${parts.slice(0, count + 1).join('/')}`
      return (last || count < parts.length - 1) && files.get(before)?.kind === 'link'
    })
    if (index === -1) return at
    const link = `/${parts.slice(0, index + 1).join('/')}`
    const to = files.get(link)?.content.toString() ?? ''
    at = normal(`${to.startsWith('/') ? to : `${parentOf(link)}/${to}`}/${parts.slice(index + 1).join('/')}`)
  }
  throw new FileError('Too many levels of symbolic links')
}
