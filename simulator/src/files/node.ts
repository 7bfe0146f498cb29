/** The files of a Proxmox node: its folders and devices, and the configuration of its containers, which is the lab's own. */
import type { Guest } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import { confOf, readConf } from './conf.ts'
import { absent, device, type Entry, FileError, type Files, file, folder, parentOf, Tree } from './tree.ts'

const folders = [
  '/Apollo/Media',
  '/Apollo/Photos',
  '/Apollo/Nextcloud',
  '/Apollo/Downloads',
  '/Apollo/Backups',
  '/boot',
  '/dev',
  '/etc/network',
  '/etc/pve/nodes',
  '/home',
  '/mnt/pve/tesla',
  '/opt',
  '/root',
  '/run/lock/lxc',
  '/srv',
  '/sys/class/net/eno1',
  '/sys/class/net/lo',
  '/sys/class/net/vmbr0/bridge',
  '/tmp',
  '/usr/local/bin',
  '/usr/local/community-scripts',
  '/var/lib/vz',
  '/var/tmp',
]

const texts: Readonly<Record<string, string>> = {
  '/etc/fstab':
    '# <file system> <mount point> <type> <options> <dump> <pass>\n/dev/pve/root / ext4 errors=remount-ro 0 1\n/dev/pve/swap none swap sw 0 0\n/dev/md0 /Apollo ext4 defaults,nofail 0 2\nproc /proc proc defaults 0 0\n',
  '/etc/hostname': 'pve\n',
  '/etc/subgid': 'root:100000:65536\n',
  '/etc/subuid': 'root:100000:65536\n',
}

const mounts = ['/', '/Apollo', '/dev', '/etc/pve', '/mnt/pve/tesla', '/run', '/sys']
/** Group of the render node, as a Debian numbers it. */
const RENDER = 104
const VIDEO = 44

const isBelow = (path: string, above: string): boolean =>
  above === '/' || path === above || path.startsWith(`${above}/`)

/** `/etc/pve/lxc` is a link to the folder of the node itself. */
const CONF = /^\/etc\/pve\/(?:lxc|nodes\/([\w-]+)\/lxc)(?:\/(?:(\d+)\.conf|([^/]+)))?$/

export class NodeFiles implements Files {
  readonly #sim: Sim
  readonly #node: string
  readonly #tree = new Tree(folders, texts)

  constructor(sim: Sim, node: string) {
    this.#sim = sim
    this.#node = node
    for (const { name } of sim.lab.nodes) this.#tree.put(`/etc/pve/nodes/${name}`, folder(0, 33))
  }

  /** Beneath a disk that is not mounted is a folder of the one above it. */
  #key(path: string): string {
    const missing = this.#sim.faults.unmounted.find((target) => isBelow(path, target))
    if (missing === undefined) return path
    const key = `/.beneath${path}`
    const at = `/.beneath${missing}`
    if (this.#tree.get('/.beneath') === undefined) this.#tree.put('/.beneath', folder())
    if (this.#tree.get(at) === undefined && this.#tree.get(parentOf(at)) !== undefined)
      this.#tree.put(at, folder())
    return key
  }

  #guests(node: string): readonly Guest[] {
    return [...this.#sim.lab.guests.values()].filter((guest) => guest.type === 'lxc' && guest.node === node)
  }

  /** undefined: no path of containers. */
  #conf(
    path: string,
  ): { readonly node: string; readonly vmid?: number; readonly other?: string } | undefined {
    const [whole, node, vmid, other] = CONF.exec(path) ?? []
    if (whole === undefined) return undefined
    return {
      node: node ?? this.#node,
      ...(vmid === undefined ? {} : { vmid: Number(vmid) }),
      ...(other === undefined ? {} : { other }),
    }
  }

  /** Where a file beside those of containers is kept. */
  #beside(node: string, name: string): string {
    const parent = `/etc/pve/nodes/${node}/.lxc`
    if (this.#tree.get(parent) === undefined) this.#tree.put(parent, folder(0, 33))
    return `${parent}/${name}`
  }

  get(path: string): Entry | undefined {
    const conf = this.#conf(path)
    if (conf !== undefined) {
      if (this.#sim.lab.node(conf.node) === undefined) return undefined
      if (conf.other !== undefined) return this.#tree.get(this.#beside(conf.node, conf.other))
      if (conf.vmid === undefined) return folder(0, 33)
      const guest = this.#guests(conf.node).find(({ vmid }) => vmid === conf.vmid)
      return guest && file(confOf(guest), 0, 33, 0o640)
    }
    if (path.startsWith('/dev/') && this.#sim.faults.devices.includes(path))
      return path.startsWith('/dev/dri/')
        ? device(path.includes('render') ? RENDER : VIDEO)
        : device(0, 0o666)
    return this.#tree.get(this.#key(path))
  }

  names(path: string): readonly string[] {
    const conf = this.#conf(path)
    if (conf !== undefined) {
      const beside = this.#tree.names(this.#beside(conf.node, '').slice(0, -1))
      return [...this.#guests(conf.node).map(({ vmid }) => `${vmid}.conf`), ...beside].toSorted()
    }
    const devices = this.#sim.faults.devices
      .filter((each) => parentOf(each) === path)
      .map((each) => each.slice(path.length + 1))
    const plain = this.#tree.names(this.#key(path)).filter((name) => !name.startsWith('.'))
    const virtual = path === '/etc/pve' || /^\/etc\/pve\/nodes\/[^/]+$/.test(path) ? ['lxc'] : []
    return [...new Set([...plain, ...devices, ...virtual])].toSorted()
  }

  put(path: string, entry: Entry): void {
    const conf = this.#conf(path)
    if (conf === undefined) return void this.#tree.put(this.#key(path), entry)
    // Without a quorum pmxcfs is read-only.
    if (!this.#sim.lab.quorate()) throw new FileError('Permission denied')
    if (conf.other !== undefined) return void this.#tree.put(this.#beside(conf.node, conf.other), entry)
    const guest = this.#guests(conf.node).find(({ vmid }) => vmid === conf.vmid)
    // A file for a container that there is not would be one for nobody.
    if (guest === undefined || entry.kind !== 'file') throw absent()
    readConf(guest, entry.content.toString())
    this.#sim.journal.change(guest.vmid, 'conf')
    this.#sim.lab.touch()
  }

  remove(path: string): void {
    const conf = this.#conf(path)
    if (conf === undefined) return void this.#tree.remove(this.#key(path))
    if (conf.other === undefined) throw new FileError('Operation not permitted')
    this.#tree.remove(this.#beside(conf.node, conf.other))
  }

  change(path: string, what: { readonly uid?: number; readonly gid?: number; readonly mode?: number }): void {
    // pmxcfs has its own owners and modes.
    if (isBelow(path, '/etc/pve')) throw new FileError('Operation not permitted')
    this.#tree.change(this.#key(path), what)
  }

  mountOf(path: string): string {
    const there = mounts.filter(
      (mount) => !this.#sim.faults.unmounted.includes(mount) && isBelow(path, mount),
    )
    return there.toSorted((a, b) => b.length - a.length)[0] ?? '/'
  }
}
