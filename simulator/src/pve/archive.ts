/** Archives of vzdump: what goes into one, what one is called, and which of them pruning leaves. */
import { backupName } from '../lab/homelab.ts'
import type { Inside } from '../lab/insides.ts'
import type { Guest, GuestType, Volume } from '../lab/model.ts'
import { nameOf } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import type { TaskContext } from './tasks.ts'

export interface Mount {
  /** `rootfs`, `mp0`, `scsi1` */
  readonly key: string
  readonly kind: 'volume' | 'bind' | 'device'
  readonly source: string
  /** Where it is inside the container. */
  readonly target: string
  readonly included: boolean
}

const option = (value: string, name: string): string | undefined =>
  value
    .split(',')
    .find((part) => part.startsWith(`${name}=`))
    ?.slice(name.length + 1)

const isDisk = (key: string, value: string): boolean =>
  /^(scsi|virtio|sata|ide)\d+$/.test(key) && option(value, 'media') !== 'cdrom'

/** A container's volumes are left out unless they say `backup=1`; a machine's are in unless they say `backup=0`. */
export function mountsOf(type: GuestType, config: Readonly<Record<string, string>>): readonly Mount[] {
  return Object.entries(config).flatMap(([key, value]): readonly Mount[] => {
    const source = value.split(',')[0] ?? ''
    if (type === 'qemu') {
      if (!isDisk(key, value)) return []
      return [{ key, kind: 'volume', source, target: '', included: option(value, 'backup') !== '0' }]
    }
    if (key !== 'rootfs' && !/^mp\d+$/.test(key)) return []
    const kind = source.startsWith('/dev/') ? 'device' : source.startsWith('/') ? 'bind' : 'volume'
    const included = key === 'rootfs' || (kind === 'volume' && option(value, 'backup') === '1')
    return [{ key, kind, source, target: option(value, 'mp') ?? '/', included }]
  })
}

const endings: Readonly<Record<string, string>> = {
  '0': '',
  gzip: '.gz',
  lzo: '.lzo',
  zstd: '.zst',
  '1': '.lzo',
}

/** @param compress undefined: as the node's vzdump.conf says, which is zstd here */
export function archiveName(storage: string, guest: Guest, at: number, compress = 'zstd'): string {
  const name = backupName(storage, guest.type, guest.vmid, at)
  return `${name.slice(0, -'.zst'.length)}${endings[compress] ?? '.zst'}`
}

/** `{{guestname}}`, `{{vmid}}`, `{{node}}`, `{{cluster}}`; `\n` and `\\` are a line break and a backslash. */
export function notesOf(template: string | undefined, guest: Guest): string {
  if (template === undefined) return nameOf(guest)
  const values: Readonly<Record<string, string>> = {
    guestname: nameOf(guest),
    vmid: String(guest.vmid),
    node: guest.node,
    cluster: 'homelab',
  }
  return template
    .replace(/\\(n|\\)/g, (_, char: string) => (char === 'n' ? '\n' : '\\'))
    .replace(/\{\{(\w+)\}\}/g, (whole, name: string) => values[name] ?? whole)
}

const periods: readonly (readonly [string, (at: string) => string])[] = [
  ['keep-last', (at) => at],
  ['keep-hourly', (at) => at.slice(0, 13)],
  ['keep-daily', (at) => at.slice(0, 10)],
  ['keep-weekly', (at) => String(Math.floor((Date.parse(at) / 86_400_000 + 3) / 7))],
  ['keep-monthly', (at) => at.slice(0, 7)],
  ['keep-yearly', (at) => at.slice(0, 4)],
]

/**
 * Which archives of one guest go. The periods are taken in turn, newest archive first: one that is kept already stands
 * for its own period. Protected ones are not counted.
 */
export function prunable(volumes: readonly Volume[], spec: string): readonly Volume[] {
  const keep = Object.fromEntries(spec.split(',').map((part) => part.split('=') as [string, string]))
  if (keep['keep-all'] === '1') return []
  const group = volumes.filter((volume) => !volume.protected).sort((a, b) => b.ctime - a.ctime)
  const kept = new Set<Volume>()
  const gone = new Set<Volume>()
  for (const [name, periodOf] of periods) {
    const id = (volume: Volume) => periodOf(new Date(volume.ctime).toISOString())
    const before = new Set([...kept].map(id))
    const taken = new Set<string>()
    for (const volume of group) {
      if (kept.has(volume) || gone.has(volume) || before.has(id(volume))) continue
      if (taken.has(id(volume))) {
        gone.add(volume)
        continue
      }
      if (taken.size >= Number(keep[name] ?? 0)) break
      taken.add(id(volume))
      kept.add(volume)
    }
  }
  return kept.size === 0 ? [] : group.filter((volume) => !kept.has(volume))
}

export function removeVolume(sim: Sim, volume: Volume): void {
  const index = sim.lab.volumes.indexOf(volume)
  if (index >= 0) sim.lab.volumes.splice(index, 1)
  sim.real?.removeArchive(volume.volid)
  const storage = sim.lab.storages.find(({ name, node }) => name === volume.storage && node === volume.node)
  if (storage) storage.used -= volume.size
  sim.lab.touch()
}

export const findVolume = (
  sim: Sim,
  volid: string | undefined,
  node: string | undefined,
): Volume | undefined => sim.lab.volumes.find((volume) => volume.volid === volid && volume.node === node)

export interface Archive {
  /** The guest's configuration at the time of the backup. */
  readonly config: Readonly<Record<string, string>>
  readonly truncated: boolean
  readonly inside: Inside | undefined
}

export function archived(sim: Sim, volid: string, type: GuestType): Archive | undefined {
  const volume = sim.lab.volumes.find((each) => each.volid === volid && each.content === 'backup')
  if (volume?.vmid === undefined || !volid.includes(`vzdump-${type}-`)) return undefined
  const config = volume.config ?? sim.lab.guests.get(volume.vmid)?.config ?? {}
  return { config, truncated: volume.truncated ?? false, inside: volume.inside }
}

const freshMac = (sim: Sim): string =>
  `BC:24:11:${[0, 1, 2].map(() => sim.random.between(16, 255).toString(16).toUpperCase()).join(':')}`

/** The network devices of a configuration, each with an address that no other has. */
export function freshNets(
  type: GuestType,
  config: Readonly<Record<string, string>>,
  sim: Sim,
): Readonly<Record<string, string>> {
  const nets = Object.entries(config).filter(([name]) => /^net\d+$/.test(name))
  const old = type === 'lxc' ? /hwaddr=[0-9A-Fa-f:]+/ : /=[0-9A-Fa-f:]{17}/
  const prefix = type === 'lxc' ? 'hwaddr=' : '='
  return Object.fromEntries(nets.map(([name, net]) => [name, net.replace(old, `${prefix}${freshMac(sim)}`)]))
}

/** The work of a restore. @throws Error as the tools that unpack say it */
export async function unpack(
  sim: Sim,
  task: TaskContext,
  storage: string,
  truncated: boolean,
): Promise<void> {
  await task.spend(0.5, 8_000)
  if (sim.faults.fullStorage.includes(storage))
    throw new Error(`zfs error: cannot create '${storage}': out of space`)
  if (truncated) {
    task.log('/*stdin*\\ : Read error (39) : premature end')
    task.log('tar: Unexpected EOF in archive')
    throw new Error("command 'tar xpf - --zstd --totals --skip-old-files' failed: exit code 2")
  }
  await task.spend(0.5, 8_000)
}
