/** The files of one container: its own root, folders of the node that are mounted in it, and its devices. */
import type { Guest } from '../lab/model.ts'
import { nameOf } from '../lab/model.ts'
import { device, type Entry, FileError, type Files, parentOf, Tree } from './tree.ts'

const folders = [
  '/etc/apt/keyrings',
  '/etc/apt/sources.list.d',
  '/etc/default',
  '/etc/systemd/system',
  '/home',
  '/lib/systemd/system',
  '/media',
  '/mnt',
  '/opt',
  '/root',
  '/run/systemd/system',
  '/srv',
  '/tmp',
  '/usr/bin',
  '/usr/lib/systemd/system',
  '/usr/local/bin',
  '/usr/share/keyrings',
  '/var/lib/apt/lists',
  '/var/lib/dpkg',
  '/var/log',
  '/var/tmp',
  '/var/www',
]

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`
const group = `root:x:0:
daemon:x:1:
www-data:x:33:
video:x:44:
users:x:100:
render:x:993:
nogroup:x:65534:
`

/** Whether its package has brought a user along. */
const isServer = (guest: Guest): boolean => nameOf(guest) === 'postgresql'

const texts = (guest: Guest): Readonly<Record<string, string>> => ({
  '/etc/apt/sources.list':
    'deb http://deb.debian.org/debian bookworm main\ndeb http://security.debian.org bookworm-security main\n',
  '/etc/debian_version': '12.7\n',
  '/etc/group': `${group}${isServer(guest) ? 'postgres:x:104:\n' : ''}`,
  '/etc/hostname': `${nameOf(guest)}\n`,
  '/etc/os-release':
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n',
  '/etc/passwd': `${passwd}${isServer(guest) ? 'postgres:x:101:104::/var/lib/postgresql:/bin/bash\n' : ''}`,
  '/etc/shadow': 'root:!:19000:0:99999:7:::\n',
})

/** What nobody of the container is inside. */
const NOBODY = 65_534

interface Mounted {
  readonly source: string
  readonly target: string
  readonly readonly: boolean
}

interface Range {
  readonly kind: string
  readonly inside: number
  readonly outside: number
  readonly count: number
}

export class ContainerFiles implements Files {
  readonly #guest: Guest
  readonly #nodeOf: () => Files
  readonly #tree: Tree
  /** As it was started with: a new one counts from the next start on. */
  #map: readonly Range[] = []
  #startedAt = -1

  constructor(guest: Guest, node: () => Files) {
    this.#guest = guest
    this.#nodeOf = node
    this.#tree = new Tree(folders, texts(guest))
  }

  /** It may have moved. */
  get #node(): Files {
    return this.#nodeOf()
  }

  #mounts(): readonly Mounted[] {
    return Object.entries(this.#guest.config).flatMap(([key, value]): readonly Mounted[] => {
      const [source = '', ...options] = value.split(',')
      const target = options.find((each) => each.startsWith('mp='))?.slice(3)
      if (!/^mp\d+$/.test(key) || !source.startsWith('/') || target === undefined) return []
      return [{ source, target, readonly: options.includes('ro=1') }]
    })
  }

  #ranges(): readonly Range[] {
    if (this.#startedAt === this.#guest.startedAt) return this.#map
    this.#startedAt = this.#guest.startedAt
    const lines = this.#guest.config['lxc.idmap']?.split('\n') ?? ['u 0 100000 65536', 'g 0 100000 65536']
    this.#map = lines.map((line) => {
      const [kind = '', inside, outside, count] = line.split(/\s+/)
      return { kind, inside: Number(inside), outside: Number(outside), count: Number(count) }
    })
    return this.#map
  }

  #inside(kind: 'u' | 'g', id: number): number {
    if (this.#guest.config.unprivileged !== '1') return id
    const range = this.#ranges().find(
      (each) => each.kind === kind && id >= each.outside && id < each.outside + each.count,
    )
    return range === undefined ? NOBODY : range.inside + id - range.outside
  }

  #outside(kind: 'u' | 'g', id: number): number {
    if (this.#guest.config.unprivileged !== '1') return id
    const range = this.#ranges().find(
      (each) => each.kind === kind && id >= each.inside && id < each.inside + each.count,
    )
    if (range === undefined) throw new FileError('Invalid argument')
    return range.outside + id - range.inside
  }

  /** Where a path is on the node; undefined: it is the container's own. */
  #mounted(path: string): (Mounted & { readonly there: string }) | undefined {
    const found = this.#mounts()
      .filter(({ target }) => path === target || path.startsWith(`${target}/`))
      .toSorted((a, b) => b.target.length - a.target.length)[0]
    return found && { ...found, there: `${found.source}${path.slice(found.target.length)}` }
  }

  #devices(): readonly { readonly path: string; readonly gid: number; readonly mode: number }[] {
    return Object.entries(this.#guest.config).flatMap(([key, value]) => {
      if (!/^dev\d+$/.test(key)) return []
      const parts = value.split(',')
      const of = (name: string) => parts.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1)
      const path = of('path') ?? parts[0] ?? ''
      return [{ path, gid: Number(of('gid') ?? 0), mode: Number.parseInt(of('mode') ?? '660', 8) }]
    })
  }

  get(path: string): Entry | undefined {
    const mounted = this.#mounted(path)
    if (mounted !== undefined) {
      const entry = this.#node.get(mounted.there)
      return entry && { ...entry, uid: this.#inside('u', entry.uid), gid: this.#inside('g', entry.gid) }
    }
    const given = this.#devices().find((each) => each.path === path)
    return given === undefined ? this.#tree.get(path) : device(given.gid, given.mode)
  }

  names(path: string): readonly string[] {
    const mounted = this.#mounted(path)
    if (mounted !== undefined) return this.#node.names(mounted.there)
    const extra = [...this.#mounts().map(({ target }) => target), ...this.#devices().map((each) => each.path)]
      .filter((each) => parentOf(each) === path)
      .map((each) => each.slice(each.lastIndexOf('/') + 1))
    return [...new Set([...this.#tree.names(path), ...extra])].toSorted()
  }

  /** @throws FileError for what the container's root may not change of the node's */
  #writable(path: string): (Mounted & { readonly there: string }) | undefined {
    const mounted = this.#mounted(path)
    if (mounted?.readonly === true) throw new FileError('Read-only file system')
    if (mounted === undefined) return undefined
    const at = this.#node.get(mounted.there) ?? this.#node.get(parentOf(mounted.there))
    // root of an unprivileged container is somebody else on the node.
    if (at !== undefined && this.#inside('u', at.uid) === NOBODY && (at.mode & 0o002) === 0)
      throw new FileError('Permission denied')
    return mounted
  }

  put(path: string, entry: Entry): void {
    const mounted = this.#writable(path)
    if (mounted === undefined) return void this.#tree.put(path, entry)
    this.#node.put(mounted.there, {
      ...entry,
      uid: this.#outside('u', entry.uid),
      gid: this.#outside('g', entry.gid),
    })
  }

  remove(path: string): void {
    const mounted = this.#writable(path)
    if (mounted === undefined) return void this.#tree.remove(path)
    if (mounted.there === mounted.source) throw new FileError('Device or resource busy')
    this.#node.remove(mounted.there)
  }

  change(path: string, what: { readonly uid?: number; readonly gid?: number; readonly mode?: number }): void {
    const mounted = this.#writable(path)
    if (mounted === undefined) return void this.#tree.change(path, what)
    this.#node.change(mounted.there, {
      ...what,
      ...(what.uid === undefined ? {} : { uid: this.#outside('u', what.uid) }),
      ...(what.gid === undefined ? {} : { gid: this.#outside('g', what.gid) }),
    })
  }

  mountOf(path: string): string {
    return this.#mounted(path)?.target ?? '/'
  }
}
